import { workerPort } from "../../src/platform/worker.ts";
import { LoadConnection } from "./load-connection.ts";
import type { Moved, MoveTask } from "./move-task.ts";
import { pullBlob, pushBlob } from "./registry-client.ts";

/** Lets clients do the same for so long, then breaks their connections. */
async function move({ host, way, blob, clients, durationMs }: MoveTask): Promise<Moved> {
  using stack = new DisposableStack();
  const connections = await Promise.all(Array.from({ length: clients }, () => LoadConnection.open(host)));
  const beganAt = performance.now();
  let isOver = false;
  const running = connections.map(async (connection) => {
    stack.use(connection);
    try {
      while (!isOver) await (way === "push" ? pushBlob : pullBlob)(connection, blob);
    } catch (error) {
      if (!isOver) throw error;
    }
  });
  await Promise.race([Bun.sleep(durationMs), Promise.all(running)]);
  const tookMs = performance.now() - beganAt;
  const moved = connections.reduce((sum, { movedBytes }) => sum + movedBytes, 0);
  isOver = true;
  stack.dispose();
  await Promise.all(running);
  return { bytesPerSecond: (moved / tookMs) * 1000 };
}

const port = workerPort();
port.onMessage((task) => {
  move(task as MoveTask).then(
    (moved) => port.post(moved),
    (error: Error) => port.post({ bytesPerSecond: 0, problem: error.message } satisfies Moved),
  );
});
