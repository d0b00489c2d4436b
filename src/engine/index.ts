export type { Container, ContainerId, ContainerState, ContainerStatus } from "./container/container.ts";
export type { ContainerConfig } from "./container/container-config.ts";
export { hostCgroups } from "./container/host-cgroups.ts";
export { type HostFacts, readHostFacts } from "./container/host-facts.ts";
export { createEngine, type LocalEngine } from "./create-engine.ts";
export type * from "./engine.ts";
export { ENGINE_MIGRATIONS } from "./engine-migrations.ts";
export type { EngineOptions } from "./engine-options.ts";
export { hostSecurity } from "./host-security.ts";
