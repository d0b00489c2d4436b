/** What of the process `gantry runtime` is told by its caller. */
export interface RuntimeHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  workingFolder(): string;
  now(): Date;
  /** The command that starts this program again. */
  readonly self: readonly string[];
  readonly version: string;
  print(text: string): void;
  complain(text: string): void;
}
