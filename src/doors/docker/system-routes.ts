import type { InfoResponse } from "../../api/system.ts";
import type { DoorParts } from "./door-parts.ts";
import { sendEvents } from "./events.ts";
import type { Exchange } from "./exchange.ts";
import type { Route } from "./router.ts";
import { formatTimestamp } from "./timestamp.ts";

export function systemRoutes(parts: DoorParts): readonly Route[] {
  const ping = (exchange: Exchange): void =>
    exchange.sendText(200, "OK", {
      "Cache-Control": "no-cache, no-store, must-revalidate",
      Pragma: "no-cache",
      // The first builder's API: clients then ask `/build`, which is refused by name, and open no session first.
      "Builder-Version": "1",
      Swarm: "inactive",
    });
  return [
    { method: "GET", path: "/_ping", handle: ping },
    { method: "HEAD", path: "/_ping", handle: ping },
    { method: "GET", path: "/version", handle: (exchange) => exchange.sendJson(200, parts.version()) },
    { method: "GET", path: "/info", handle: (exchange) => exchange.sendJson(200, describeInfo(parts)) },
    {
      method: "GET",
      path: "/gantry/traces/{name}",
      handle: (exchange) => exchange.sendJson(200, parts.traces.take(exchange.parameter("name"))),
    },
    { method: "GET", path: "/events", handle: (exchange) => sendEvents(exchange, parts) },
  ];
}

function describeInfo({ engine, images, info, now }: DoorParts): InfoResponse {
  const statuses = engine.list().map(({ state }) => state.status);
  const running = statuses.filter((status) => status === "running").length;
  const paused = statuses.filter((status) => status === "paused").length;
  return {
    ...info(),
    Containers: statuses.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: statuses.length - running - paused,
    Images: images.list({}).length,
    SystemTime: formatTimestamp(BigInt(now()) * 1_000_000n),
  };
}
