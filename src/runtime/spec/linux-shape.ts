import type { IdMapping, Linux, Seccomp } from "../../oci/runtime-spec.ts";
import { resourcesShape } from "./resources-shape.ts";
import {
  exactUint64,
  flag,
  int64,
  integer,
  listOf,
  object,
  oneOf,
  recordOf,
  required,
  type Shape,
  text,
  uint32,
} from "./shape.ts";

const texts = listOf(text);

/** Ranges of user or group numbers. */
export const idMappings: Shape<readonly IdMapping[]> = listOf(
  object<IdMapping>({ containerID: required(uint32), hostID: required(uint32), size: required(uint32) }),
);

const action = oneOf(
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
);

const operator = oneOf(
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
);

const seccomp: Shape<Seccomp> = object<Seccomp>({
  defaultAction: required(action),
  defaultErrnoRet: uint32,
  architectures: texts,
  flags: texts,
  listenerPath: text,
  listenerMetadata: text,
  syscalls: listOf(
    object({
      names: required(texts),
      action: required(action),
      errnoRet: uint32,
      args: listOf(
        object({
          index: required(integer(0, 5)),
          value: required(exactUint64),
          valueTwo: exactUint64,
          op: required(operator),
        }),
      ),
    }),
  ),
});

/** `linux` of a configuration. */
export const linuxShape: Shape<Linux> = object<Linux>({
  namespaces: listOf(
    object({
      type: required(oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")),
      path: text,
    }),
  ),
  uidMappings: idMappings,
  gidMappings: idMappings,
  timeOffsets: recordOf(object({ secs: int64, nanosecs: uint32 })),
  devices: listOf(
    object({
      type: required(oneOf("c", "b", "u", "p")),
      path: required(text),
      major: int64,
      minor: int64,
      fileMode: uint32,
      uid: uint32,
      gid: uint32,
    }),
  ),
  netDevices: recordOf(object({ name: text })),
  cgroupsPath: text,
  resources: resourcesShape,
  rootfsPropagation: oneOf("shared", "slave", "private", "unbindable"),
  seccomp,
  sysctl: recordOf(text),
  maskedPaths: texts,
  readonlyPaths: texts,
  mountLabel: text,
  personality: object({ domain: required(oneOf("LINUX", "LINUX32")), flags: texts }),
  intelRdt: object({
    closID: text,
    schemata: texts,
    l3CacheSchema: text,
    memBwSchema: text,
    enableMonitoring: flag,
  }),
  memoryPolicy: object({ mode: required(text), nodes: text, flags: texts }),
});
