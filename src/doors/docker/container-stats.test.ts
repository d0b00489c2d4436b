import { expect, test } from "bun:test";
import { CREATED_NS, containerDouble, doorParts, engineDouble, serveDoor } from "../../../test/support/door-double.ts";
import type { StatsSample } from "../../engine/engine.ts";

test("statistics carry the reading before, so that shares can be computed", async () => {
  const sample = (totalNs: number): StatsSample => ({
    timeNs: CREATED_NS,
    cpu: {
      totalNs,
      userNs: 1,
      systemNs: 2,
      throttledPeriods: 0,
      periods: 0,
      throttledNs: 0,
      hostTotalNs: 100,
      onlineCpus: 2,
    },
    memory: { usageBytes: 10, limitBytes: 20, failures: 0, details: { cache: 1 } },
    pids: { current: 3 },
    blockIo: [],
    networks: {},
  });
  const running = containerDouble({ state: { status: "running", pid: 7, exitCode: 0, oomKilled: false, error: "" } });
  const engine = engineDouble(
    {
      async *stats() {
        yield sample(5);
        yield sample(8);
      },
    },
    running,
  );
  await using door = await serveDoor(doorParts({ engine }));
  const [once] = await Array.fromAsync(await door.api.containerStats("web", { stream: false }));
  expect([once?.cpu_stats.cpu_usage.total_usage, once?.precpu_stats.cpu_usage.total_usage]).toEqual([8, 5]);
  expect((await Array.fromAsync(await door.api.containerStats("web"))).length).toBe(2);
});
