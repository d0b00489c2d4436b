import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readSecurityFacts } from "../../src/linux/security/security-facts.ts";
import { planExec } from "../../src/runtime/plan/index.ts";
import { Fixture } from "./supervise-fixture.ts";

const security = readSecurityFacts();
const isThere = security.landlockAbi >= 6;
if (!isThere) console.log(`skipped: Landlock of this kernel has version ${security.landlockAbi}, the tests need 6`);

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const annotate = (rules: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(rules).map(([name, value]) => [`org.gantry.landlock.${name}`, value]));

const FILES = { read: "/proc:/sys", execute: "/bin", write: "/tmp:/dev" };

/** What a container with these rules prints. */
async function run(rules: Readonly<Record<string, string>>, script: string, process: object = {}) {
  const spec = fixture.spec(["sh", "-c", script], { annotations: annotate(rules) }, process);
  return await fixture.run(fixture.plan(spec, { security }));
}

const SCRIPT = `echo x > /tmp/new && echo wrote; cat /tmp/new; echo x > /etc/new; ls /etc; cat /proc/self/comm
  mkdir /tmp/folder && echo made; mkdir /etc/folder; cat /bin/busybox > /tmp/copy; chmod +x /tmp/copy; /tmp/copy true`;
const SAID = {
  stdout: "wrote\ncat\nmade\n",
  stderr: [
    "cat: can't open '/tmp/new': Permission denied",
    "sh: can't create /etc/new: Permission denied",
    "ls: can't open '/etc': Permission denied",
    "mkdir: can't create directory '/etc/folder': Permission denied",
    "sh: /tmp/copy: Permission denied",
  ],
};
/** Without the shell's own prefixes, which differ between its versions. */
const lines = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^sh: (line \d+: )?/, "sh: "));

describe.if(isThere)("Landlock", () => {
  test.each([
    ["no_new_privs", { noNewPrivileges: true, user: { uid: 1000, gid: 1000 } }],
    ["an ordinary user", { user: { uid: 1000, gid: 1000 } }],
    ["root", {}],
  ])("a program does with files only what its lists allow: %s", async (_name, process) => {
    const mounts = ["/tmp", "/etc"].map((destination) => ({ destination, type: "tmpfs", options: ["mode=1777"] }));
    const spec = fixture.spec(["sh", "-c", SCRIPT], { annotations: annotate(FILES), mounts }, process);
    const { stdout, stderr } = await fixture.run(fixture.plan(spec, { security }));
    expect([stdout, lines(stderr)]).toEqual([SAID.stdout, SAID.stderr]);
  });

  test("what has no rules stays as it is", async () => {
    const { stdout, stderr } = await run({ "tcp.connect": "" }, "echo x > /etc/new && cat /etc/new");
    expect([stdout, stderr]).toEqual(["x\n", ""]);
  });

  test("ports are bound and connected to by number", async () => {
    const script = `ip link set lo up; nc -l -p 8080 -w 20 </dev/null &
      tries=0; until nc -w 1 127.0.0.1 8080 </dev/null 2>/dev/null || [ $tries = 200 ]; do tries=$((tries+1)); sleep 0.05; done
      [ $tries = 200 ] || echo reached
      nc -w 1 127.0.0.1 8081 </dev/null; nc -l -p 8081 -w 1 </dev/null; wait`;
    const { stdout, stderr } = await run({ "tcp.bind": "8080", "tcp.connect": "8080" }, script, {
      capabilities: { bounding: ["CAP_NET_ADMIN"], permitted: ["CAP_NET_ADMIN"], effective: ["CAP_NET_ADMIN"] },
    });
    expect(stdout).toBe("reached\n");
    expect(stderr.match(/Permission denied/g)?.length).toBe(2);
  });

  test("a path that is not there is named", async () => {
    const monitor = await fixture.launch(
      fixture.options(
        fixture.plan(fixture.spec(["true"], { annotations: annotate({ read: "/nowhere" }) }), { security }),
      ),
    );
    await monitor.ready();
    await expect(monitor.start()).rejects.toThrow('cannot let Landlock allow "/nowhere": ENOENT');
  });

  test("exec has them too", async () => {
    const annotations = annotate({ ...FILES, scope: "signal" });
    const spec = fixture.spec(["sleep", "100"], { annotations });
    const monitor = await fixture.launch(fixture.options(fixture.plan(spec, { security })));
    await monitor.ready();
    await monitor.start();
    const exec = fixture.process(["sh", "-c", "ls /etc; ls -d /proc/self; kill -9 1; kill -0 1"]);
    const { pid, startTime } = monitor.init;
    const plan = planExec(exec, { pid, startTime, namespaces: ["mount", "pid"], cgroups: [], annotations, security });
    const { stdout, stderr } = await fixture.run(plan);
    expect([stdout, lines(stderr).slice(0, 1)]).toEqual(["/proc/self\n", ["ls: can't open '/etc': Permission denied"]]);
    expect(stderr.match(/Operation not permitted/g)?.length).toBe(2);
  });

  test("a program below --init is restricted as well", async () => {
    const spec = fixture.spec(["ls", "/etc"], { annotations: annotate(FILES) });
    const { stderr } = await fixture.run(fixture.plan(spec, { security, init: true }));
    expect(lines(stderr)).toEqual(["ls: can't open '/etc': Permission denied"]);
  });
});

test.if(!isThere)("what this kernel cannot restrict is refused, unless best effort is asked for", async () => {
  const spec = fixture.spec(["echo", "ran"], { annotations: annotate({ scope: "signal" }) });
  expect(() => fixture.plan(spec, { security })).toThrow("needs version 6 of Landlock");
  expect((await run({ scope: "signal", "best-effort": "true" }, "echo ran")).stdout).toBe("ran\n");
});
