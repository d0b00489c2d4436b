import { expect, test } from "bun:test";
import type { Images } from "../image/images.ts";
import type { NetworkStack } from "../network/network-stack.ts";
import type { State } from "../state/state.ts";
import type { Supervisor } from "../supervise/index.ts";
import type { EngineImages, EngineNetwork, EngineState, EngineSupervisor } from "./dependencies.ts";

/** Compiles only as long as the rooms that the engine is given have what it asks of them. */
type Fits = [
  (images: Images) => EngineImages,
  (network: NetworkStack) => EngineNetwork,
  (state: State) => EngineState,
  (supervisor: Supervisor) => EngineSupervisor,
];

const same = <T>(value: T): T => value;

test("the real rooms are what the engine asks for", () => {
  const fits: Fits = [same, same, same, same];
  expect(fits.length).toBe(4);
});
