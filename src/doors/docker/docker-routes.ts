import { absentRoutes } from "./absent-routes.ts";
import { containerRoutes } from "./container-routes.ts";
import type { DoorParts } from "./door-parts.ts";
import { execRoutes } from "./exec-routes.ts";
import { imageRoutes } from "./image-routes.ts";
import { networkRoutes } from "./network-routes.ts";
import { registryRoutes } from "./registry-routes.ts";
import { remoteRoutes } from "./remote-routes.ts";
import type { Route } from "./router.ts";
import { systemRoutes } from "./system-routes.ts";
import { volumeRoutes } from "./volume-routes.ts";

/** Every call of Docker's Engine API, served or refused by name. */
export function dockerRoutes(parts: DoorParts): readonly Route[] {
  // Refusals come first: `/images/search` is not the image `search`.
  return [
    ...absentRoutes(),
    ...systemRoutes(parts),
    ...containerRoutes(parts),
    ...execRoutes(parts),
    ...imageRoutes(parts),
    ...networkRoutes(parts),
    ...volumeRoutes(parts),
    ...registryRoutes(parts),
    ...remoteRoutes(parts),
  ];
}
