import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readSecurityFacts } from "../../src/linux/security/security-facts.ts";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";

const { landlockAbi } = readSecurityFacts();
const reason =
  daemonSkipReason() ?? (landlockAbi >= 6 ? undefined : `Landlock of this kernel has version ${landlockAbi}`);
if (reason !== undefined) console.log(`skipped: Landlock by the command line: ${reason}`);

const FLAGS = ["execute=/bin", "read=/proc", "write=/tmp", "tcp.connect="].flatMap((rule) => [
  "--annotation",
  `org.gantry.landlock.${rule}`,
]);
const REFUSED = "cat: can't open '/etc/passwd': Permission denied\n";

describe.skipIf(reason !== undefined)("gantry run --annotation org.gantry.landlock.…", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test("restricts the program, and those of exec; inspect tells", async () => {
    const run = await daemon.gantry(["run", "--rm", ...FLAGS, "busybox", "cat", "/etc/passwd"]);
    expect([run.status, run.stdout, run.stderr]).toEqual([1, "", REFUSED]);
    await daemon.gantry(["run", "-d", "--name", "kept", ...FLAGS, "busybox", "sleep", "1000"]);
    const exec = await daemon.gantry(["exec", "kept", "cat", "/etc/passwd"]);
    expect([exec.status, exec.stdout, exec.stderr]).toEqual([1, "", REFUSED]);
    const format = "{{json .HostConfig.Annotations}}";
    const { stdout } = await daemon.gantry(["inspect", "--format", format, "kept"]);
    expect(JSON.parse(stdout)).toEqual({
      "org.gantry.landlock.execute": "/bin",
      "org.gantry.landlock.read": "/proc",
      "org.gantry.landlock.tcp.connect": "",
      "org.gantry.landlock.write": "/tmp",
    });
  });

  test.each([
    ["org.gantry.landlock.reed=/", "org.gantry.landlock.reed: no such annotation"],
    ["org.gantry.landlock.read=etc", 'org.gantry.landlock.read: "etc" is not an absolute path'],
    ["nothing", 'invalid annotation: "nothing": it is not name=value'],
  ])("what cannot be understood is refused, and no container made: %s", async (annotation, sentence) => {
    const { status, stderr } = await daemon.gantry(["create", "--annotation", annotation, "--name", "none", "busybox"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain(sentence);
    expect((await daemon.gantry(["ps", "-aq", "--filter", "name=none"])).stdout).toBe("");
  });
});
