import type { EngineApi, LogsCallOptions } from "../../api/engine-api.ts";
import type { OutputFrame } from "../../api/stdio-connection.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { Terminal } from "../terminal.ts";
import type { ResumableOutput } from "./resumable-output.ts";

/**
 * A container's log from where `output` stands, to be taken through it. What cannot be had is said in one sentence; then comes
 * what is printed from now on.
 */
export async function followLog(
  api: EngineApi,
  id: string,
  options: LogsCallOptions & { readonly output: ResumableOutput; readonly terminal: Terminal },
): Promise<AsyncIterable<OutputFrame>> {
  const { output, terminal, ...query } = options;
  const asked = { ...query, onPosition: output.onPosition };
  if (output.position === undefined) return await api.containerLogs(id, asked);
  try {
    return await api.containerLogs(id, { ...asked, from: output.position });
  } catch (error) {
    if (!isGantryError(error, "internal")) throw error;
    await terminal.stderr.write(`gantry: some of the output is missing here: ${error.message}\n`);
    output.forget();
    return await api.containerLogs(id, { ...asked, tail: "0" });
  }
}
