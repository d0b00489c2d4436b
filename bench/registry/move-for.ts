import { startWorker } from "../../src/platform/worker.ts";
import type { Moved, MoveTask } from "./move-task.ts";

/** One thread of clients is slower than a registry that lets the kernel send. */
const THREADS = 2;

/** Lets so many clients move a blob for so long. @returns bytes of bodies per second @throws what went wrong for one of them */
export async function moveFor(task: MoveTask): Promise<number> {
  const threads = Array.from({ length: THREADS }, () => moveInThread({ ...task, clients: task.clients / THREADS }));
  const rates = await Promise.all(threads);
  return rates.reduce((sum, rate) => sum + rate, 0);
}

async function moveInThread(task: MoveTask): Promise<number> {
  const worker = startWorker("bench/registry/move-thread.ts");
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Moved>();
    worker.onMessage((moved) => resolve(moved as Moved));
    worker.onError((message) => reject(new Error(message)));
    worker.post(task);
    const { bytesPerSecond, problem } = await promise;
    if (problem !== undefined) throw new Error(problem);
    return bytesPerSecond;
  } finally {
    await worker.terminate();
  }
}
