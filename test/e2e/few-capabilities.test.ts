import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { checkoutProgram, daemonSkipReason, TestDaemon } from "../support/daemon.ts";

const reason = daemonSkipReason(["capsh"]);
if (reason !== undefined) console.log(`skipped: a daemon with few capabilities: ${reason}`);

describe.skipIf(reason !== undefined)("a daemon that may not make device nodes", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    const script = 'exec "$0" "$@"';
    const program = ["capsh", "--drop=cap_mknod,cap_sys_resource", "--shell=/bin/sh", "--", "-c", script];
    daemon = await TestDaemon.start({ program: [...program, ...checkoutProgram] });
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test("gives containers the host's nodes, cuts their capabilities to its own, and says so once", async () => {
    const script = `for node in full null random tty urandom zero; do stat -c '%n %t:%T' /dev/$node; done
      head -c 3 /dev/zero | wc -c; echo x >/dev/null; mknod /tmp/x c 1 3 2>&1; grep CapBnd /proc/self/status`;
    const first = await daemon.gantry(["run", "--rm", "busybox", "sh", "-c", script]);
    expect(first).toEqual({
      stdout: `/dev/full 1:7
/dev/null 1:3
/dev/random 1:8
/dev/tty 5:0
/dev/urandom 1:9
/dev/zero 1:5
3
mknod: /tmp/x: Operation not permitted
CapBnd:	00000000a00425fb
`,
      stderr: "",
      status: 0,
    });
    await daemon.gantry(["run", "--rm", "busybox", "true"]);
    expect(daemon.log.match(/this daemon lacks CAP_MKNOD/g)?.length).toBe(1);
  });
});
