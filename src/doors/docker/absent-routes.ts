import { RequestError } from "./error-status.ts";
import type { Method, Route } from "./router.ts";

/** Calls of Docker's that are not there yet, by what they do. Whatever is in neither table is no page at all. */
const ABSENT: readonly (readonly [Method, string, string])[] = [
  ["GET", "/system/df", "disk usage (docker system df)"],
  ["POST", "/session", "sessions of builds"],
  ["POST", "/grpc", "sessions of builds"],
  ["POST", "/build", "building images (docker build)"],
  ["POST", "/build/prune", "the build cache"],
  ["POST", "/build/cancel", "cancelling a build"],
  ["POST", "/commit", "making an image of a container (docker commit)"],
  ["POST", "/containers/prune", "removing stopped containers (docker container prune)"],
  ["GET", "/containers/{name}/changes", "listing changed files (docker diff)"],
  ["GET", "/containers/{name}/export", "exporting a root filesystem (docker export)"],
  ["GET", "/containers/{name}/archive", "copying out of a container (docker cp)"],
  ["HEAD", "/containers/{name}/archive", "copying out of a container (docker cp)"],
  ["PUT", "/containers/{name}/archive", "copying into a container (docker cp)"],
  ["GET", "/containers/{name}/attach/ws", "attaching by WebSocket"],
  ["GET", "/containers/{name}/checkpoints", "checkpoints"],
  ["POST", "/containers/{name}/checkpoints", "checkpoints"],
  ["DELETE", "/containers/{name}/checkpoints/{checkpoint}", "checkpoints"],
  ["POST", "/images/prune", "removing unused images (docker image prune)"],
  ["POST", "/networks/create", "networks of your own (docker network create)"],
  ["POST", "/networks/prune", "removing unused networks (docker network prune)"],
  ["POST", "/networks/{name}/connect", "connecting to a second network"],
  ["POST", "/networks/{name}/disconnect", "disconnecting from a network"],
  ["DELETE", "/networks/{name}", "networks of your own (docker network rm)"],
  ["PUT", "/volumes/{name}", "changing cluster volumes"],
  ["POST", "/volumes/prune", "removing unused volumes (docker volume prune)"],
  ["POST", "/plugins/{rest*}", "plugins"],
  ["DELETE", "/plugins/{rest*}", "plugins"],
];

/** Swarm's objects: this daemon is no member of one, and says so in Docker's words. */
const SWARM = ["swarm", "nodes", "services", "tasks", "secrets", "configs"] as const;
const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

export function absentRoutes(): readonly Route[] {
  const refuse = (method: Method, path: string, status: number, message: string): Route => ({
    method,
    path,
    handle() {
      throw new RequestError(status, message);
    },
  });
  return [
    // There are none, and `docker inspect NAME` asks for one before it says that there is no such object.
    { method: "GET", path: "/plugins", handle: (exchange) => exchange.sendJson(200, []) },
    {
      method: "GET",
      path: "/plugins/{name*}/json",
      handle(exchange) {
        throw new RequestError(404, `plugin ${JSON.stringify(exchange.parameter("name"))} not found`);
      },
    },
    ...ABSENT.map(([method, path, what]) => refuse(method, path, 501, `${what}: not there yet`)),
    ...SWARM.flatMap((kind) =>
      (["GET", "POST", "DELETE"] as const).flatMap((method) => [
        refuse(method, `/${kind}`, 503, NO_SWARM),
        refuse(method, `/${kind}/{rest*}`, 503, NO_SWARM),
      ]),
    ),
  ];
}
