import type { Process, User } from "../../oci/runtime-spec.ts";
import {
  exactUint64,
  flag,
  int32,
  integer,
  listOf,
  object,
  oneOf,
  required,
  type Shape,
  text,
  uint16,
  uint32,
  uint64,
} from "./shape.ts";

const texts = listOf(text);

const user: Shape<User> = object<User>({
  // Without them it is root, as in runc.
  uid: uint32,
  gid: uint32,
  umask: uint32,
  additionalGids: listOf(uint32),
});

/** A user whose numbers are there. */
const wholeUser: Shape<User> = (value, path, problems) => {
  const parsed = user(value, path, problems);
  return parsed && { ...parsed, uid: parsed.uid ?? 0, gid: parsed.gid ?? 0 };
};

const members = object<Omit<Process, "user"> & { readonly user?: User }>({
  terminal: flag,
  consoleSize: object({ height: required(uint16), width: required(uint16) }),
  cwd: required(text),
  env: texts,
  args: texts,
  user: wholeUser,
  capabilities: object({
    bounding: texts,
    effective: texts,
    inheritable: texts,
    permitted: texts,
    ambient: texts,
  }),
  rlimits: listOf(object({ type: required(text), soft: required(exactUint64), hard: required(exactUint64) })),
  noNewPrivileges: flag,
  apparmorProfile: text,
  selinuxLabel: text,
  oomScoreAdj: integer(-1000, 1000),
  scheduler: object({
    policy: required(
      oneOf("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"),
    ),
    nice: int32,
    priority: int32,
    flags: texts,
    runtime: uint64,
    deadline: uint64,
    period: uint64,
  }),
  ioPriority: object({
    class: required(oneOf("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE")),
    priority: required(int32),
  }),
  execCPUAffinity: object({ initial: text, final: text }),
});

/** `process` of a configuration, and what `exec --process` reads. */
export const processShape: Shape<Process> = (value, path, problems) => {
  const parsed = members(value, path, problems);
  return parsed && { ...parsed, user: parsed.user ?? { uid: 0, gid: 0 } };
};
