import { type ExplainedStep, explainedSteps } from "../container/explained-steps.ts";
import type { Plan } from "../plan/steps.ts";
import { type CommandContext, OUTCOME_COMMAND } from "./runtime-command.ts";

/** What `launch-outcome` is told. */
export interface OutcomeRequest {
  readonly command: "create" | "run" | "exec";
  readonly id: string;
  readonly pidFile?: string;
  readonly steps: readonly ExplainedStep[];
}

/** One argument of a program has 128 KiB at most (execve(2)). */
const MAX_ARGUMENT_BYTES = 120_000;

/** The command that comes in the launcher's place, and which of its arguments the outcome replaces. */
export function outcomeCommand(
  context: CommandContext,
  plan: Plan,
  request: Omit<OutcomeRequest, "steps">,
): { readonly command: readonly string[]; readonly outcomeAt: number } {
  const { options, host } = context;
  const whole = JSON.stringify({ ...request, steps: explainedSteps(plan) } satisfies OutcomeRequest);
  const isTooLong = Buffer.byteLength(whole) > MAX_ARGUMENT_BYTES;
  const command = [
    ...host.self,
    "runtime",
    `--root=${options.root}`,
    ...(options.log === undefined ? [] : [`--log=${options.log}`]),
    `--log-format=${options.logFormat}`,
    ...(options.isDebug ? ["--debug"] : []),
    OUTCOME_COMMAND,
    isTooLong ? JSON.stringify({ ...request, steps: [] } satisfies OutcomeRequest) : whole,
    "",
  ];
  return { command, outcomeAt: command.length - 1 };
}
