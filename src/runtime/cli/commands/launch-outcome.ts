import { rmSync } from "node:fs";
import { formatError, GantryError, isGantryError } from "../../../errors/gantry-error.ts";
import { destroyContainer } from "../../container/destroy-container.ts";
import { planOfExplained } from "../../container/explained-steps.ts";
import { findContainer } from "../../container/find-container.ts";
import { explainFailure } from "../../plan/explain-failure.ts";
import type { OutcomeRequest } from "../outcome-command.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

const FAILED_EXEC_STATUS = 255;

function readRequest(text: string): OutcomeRequest {
  try {
    return JSON.parse(text) as OutcomeRequest;
  } catch (error) {
    throw new GantryError("invalid-argument", "this command is for the native helper alone", { cause: error });
  }
}

/** Idempotent: what is not there is not removed. */
async function destroy(context: CommandContext, id: string): Promise<void> {
  try {
    const container = findContainer(context.options.root, id);
    await destroyContainer(container, (message) => context.log.write("warning", message));
  } catch (error) {
    if (!isGantryError(error, "not-found")) context.log.write("warning", formatError(error));
  }
}

async function run(context: CommandContext): Promise<number> {
  const [text = "", outcome = ""] = context.positionals;
  const request = readRequest(text);
  const ended = /^ended:(\d{1,3})$/.exec(outcome);
  if (ended !== null) {
    await destroy(context, request.id);
    return Number(ended[1]);
  }
  const failed = /^failed:(-?\d+):(\d+):(.*)$/s.exec(outcome);
  const failure = explainFailure(planOfExplained(request.steps), {
    step: Number(failed?.[1] ?? -1),
    errno: Number(failed?.[2] ?? 0),
    text: failed?.[3] ?? outcome,
  });
  if (request.pidFile !== undefined) rmSync(request.pidFile, { force: true });
  if (request.command !== "exec") await destroy(context, request.id);
  const prefix = request.command === "exec" ? "exec failed: " : `runc ${request.command} failed: `;
  context.log.fail(`${prefix}unable to start container process: ${formatError(failure)}`);
  return request.command === "exec" ? FAILED_EXEC_STATUS : 1;
}

export const command: RuntimeCommand = {
  usage: "REQUEST OUTCOME",
  flags: {},
  arguments: { min: 2, max: 2 },
  isInterspersed: false,
  run,
};
