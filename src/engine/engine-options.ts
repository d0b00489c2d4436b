import type { VolumeStore } from "../volume/volume-store.ts";
import type { HostFacts } from "./container/host-facts.ts";
import type {
  EngineCgroups,
  EngineImages,
  EngineNetwork,
  EngineSecurity,
  EngineState,
  EngineSupervisor,
} from "./dependencies.ts";

/** What an engine is made of. Whoever makes it owns the parts and closes them after it. */
export interface EngineOptions {
  /** `--root` */
  readonly root: string;
  /** `--state`: sockets of monitors. */
  readonly stateDirectory: string;
  readonly database: EngineState;
  readonly images: EngineImages;
  readonly network: EngineNetwork;
  readonly volumes: VolumeStore;
  readonly supervisor: EngineSupervisor;
  readonly cgroups: EngineCgroups;
  readonly host: HostFacts;
  readonly security: EngineSecurity;
  readonly clock: { nowNs(): bigint };
  readonly randomBytes: (count: number) => Uint8Array;
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  /** What the daemon itself can hand on: `CAP_…`. */
  readonly capabilities: readonly string[];
  /** Text of the host's resolv.conf, asked for at each start of a container. */
  readonly readResolvConf: () => string;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}
