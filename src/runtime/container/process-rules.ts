import { GantryError } from "../../errors/gantry-error.ts";
import type { Process } from "../../oci/runtime-spec.ts";

/** A terminal goes to somebody, or we stay and carry its bytes. @throws `invalid-argument` */
export function checkTerminal(
  process: Process,
  options: { readonly isDetached: boolean; readonly consoleSocket: string | undefined },
): void {
  const { isDetached, consoleSocket } = options;
  if (isDetached && process.terminal && consoleSocket === undefined)
    throw new GantryError(
      "invalid-argument",
      "cannot allocate tty if runc will detach without setting console socket",
      {
        hint: "give --console-socket, or set process.terminal to false",
      },
    );
  if ((!isDetached || !process.terminal) && consoleSocket !== undefined)
    throw new GantryError("invalid-argument", "cannot use console socket if runc will not detach or allocate tty");
}

export function withVariables(process: Process, variables: readonly string[]): Process {
  return variables.length === 0 ? process : { ...process, env: [...(process.env ?? []), ...variables] };
}
