import { expect, test } from "bun:test";
import { parseHostCpu, parseNetworkCounters } from "./container-stats.ts";

test("the host's processor time, guests not counted twice", () => {
  expect(parseHostCpu("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n")).toBe(36 * 1e7);
  expect(parseHostCpu("")).toBe(0);
});

test("network counters without the loopback", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100      1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0
`;
  expect(parseNetworkCounters(text)).toEqual({
    eth0: {
      rxBytes: 1000,
      rxPackets: 10,
      rxErrors: 1,
      rxDropped: 2,
      txBytes: 2000,
      txPackets: 20,
      txErrors: 3,
      txDropped: 4,
    },
  });
});
