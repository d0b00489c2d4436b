/**
 * A command line that cannot be carried out as it was typed. What is printed besides the message depends on the kind:
 * `flag` the command's usage (status 125), `arguments` the program's name and the usage (status 1).
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly kind: "flag" | "arguments";

  constructor(kind: "flag" | "arguments", message: string) {
    super(message);
    this.kind = kind;
  }
}
