/** The public SDK: `import { Gantry } from "gantry"`. */
export { ApiError } from "../api/api-error.ts";
export type { EngineApi } from "../api/engine-api.ts";
export type { OutputFrame, StdioConnection } from "../api/stdio-connection.ts";
export { GantryError } from "../errors/gantry-error.ts";
export { connectEngine, DEFAULT_HOST } from "./engine-client.ts";
export { Gantry, type RunOptions, type RunResult } from "./gantry.ts";
