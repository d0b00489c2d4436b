import type { Resources } from "../../oci/runtime-spec.ts";
import {
  flag,
  int64,
  listOf,
  matching,
  object,
  oneOf,
  recordOf,
  required,
  type Shape,
  text,
  uint16,
  uint32,
  uint64,
} from "./shape.ts";

const pageSize = matching(/^[1-9][0-9]*[KMGTPE]B$/, "a size like 2MB");
const weights = listOf(object({ major: required(int64), minor: required(int64), weight: uint16, leafWeight: uint16 }));
const throttles = listOf(object({ major: required(int64), minor: required(int64), rate: required(uint64) }));

/** `linux.resources`, and what `update --resources` reads. */
export const resourcesShape: Shape<Resources> = object<Resources>({
  devices: listOf(
    object({ allow: required(flag), type: oneOf("a", "c", "b"), major: int64, minor: int64, access: text }),
  ),
  memory: object({
    limit: int64,
    reservation: int64,
    swap: int64,
    kernel: int64,
    kernelTCP: int64,
    swappiness: uint64,
    disableOOMKiller: flag,
    useHierarchy: flag,
    checkBeforeUpdate: flag,
  }),
  cpu: object({
    shares: uint64,
    quota: int64,
    burst: uint64,
    period: uint64,
    realtimeRuntime: int64,
    realtimePeriod: uint64,
    cpus: text,
    mems: text,
    idle: int64,
  }),
  pids: object({ limit: int64 }),
  blockIO: object({
    weight: uint16,
    leafWeight: uint16,
    weightDevice: weights,
    throttleReadBpsDevice: throttles,
    throttleWriteBpsDevice: throttles,
    throttleReadIOPSDevice: throttles,
    throttleWriteIOPSDevice: throttles,
  }),
  hugepageLimits: listOf(object({ pageSize: required(pageSize), limit: required(uint64) })),
  network: object({
    classID: uint32,
    priorities: listOf(object({ name: required(text), priority: required(uint32) })),
  }),
  rdma: recordOf(object({ hcaHandles: uint32, hcaObjects: uint32 })),
  unified: recordOf(text),
});
