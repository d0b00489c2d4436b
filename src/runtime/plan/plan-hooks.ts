import { GantryError } from "../../errors/gantry-error.ts";
import type { Hook, Hooks } from "../../oci/runtime-spec.ts";
import type { PlanStep } from "./steps.ts";

/** The numbers that the helper knows hooks by (native/launch.h). */
const KINDS = { prestart: 0, createRuntime: 1, createContainer: 2, startContainer: 3, poststart: 4 } as const;

type PlannedKind = keyof typeof KINDS;

/** The container's state as hooks read it, but for the number of its init, which is known when they run. */
export interface HookState {
  readonly ociVersion: string;
  readonly id: string;
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a pipe can hold for an ordinary user (pipe(7)), with room for the number. */
const MAX_STATE_BYTES = (1 << 20) - 64;

/** `status` at each of the times (runtime.md, "Lifecycle"; runc says the same). */
const STATUS: Readonly<Record<PlannedKind, string>> = {
  prestart: "creating",
  createRuntime: "creating",
  createContainer: "creating",
  startContainer: "created",
  poststart: "running",
};

/** A state's JSON in two parts, between which the number of init goes. */
function stateParts(state: HookState, status: string): readonly [head: string, tail: string] {
  const { ociVersion, id, bundle, annotations } = state;
  const head = `${JSON.stringify({ ociVersion, id, status }).slice(0, -1)},"pid":`;
  const rest = JSON.stringify({ bundle, ...(annotations === undefined ? {} : { annotations }) });
  return [head, `,${rest.slice(1)}`];
}

function planHook(
  hook: Hook,
  kind: PlannedKind,
  options: { readonly index: number; readonly state: HookState },
): PlanStep {
  const cause = `hooks.${kind}[${options.index}]`;
  const [stateHead, stateTail] = stateParts(options.state, STATUS[kind]);
  if (stateHead.length + stateTail.length > MAX_STATE_BYTES / 4)
    throw new GantryError("invalid-argument", `${cause}: the annotations are too long for a hook's standard input`);
  const args = hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args;
  return {
    op: "hook",
    kind: KINDS[kind],
    timeoutMs: (hook.timeout ?? 0) * 1000,
    argumentCount: args.length,
    path: hook.path,
    stateHead,
    stateTail,
    strings: [...args, ...(hook.env ?? [])],
    cause,
    task: `run the hook ${cause} (${hook.path})`,
  };
}

/** One step for each hook of a kind, in their order. */
export function planHooks(hooks: Hooks | undefined, kind: PlannedKind, state: HookState): PlanStep[] {
  return (hooks?.[kind] ?? []).map((hook, index) => planHook(hook, kind, { index, state }));
}
