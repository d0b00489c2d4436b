import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";

const reason = daemonSkipReason();
if (reason !== undefined) console.log(`skipped: examples: ${reason}`);

const examples = join(import.meta.dir, "../../examples");

describe.skipIf(reason !== undefined)("examples", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start({ busybox: false });
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  const example = (...command: string[]): Promise<string> =>
    run(["env", `GANTRY_ROOT=${daemon.root}`, `GANTRY_STATE=${daemon.state}`, ...command]);

  test("programs of this machine become an image, which is saved, removed, loaded and run", async () => {
    const printed = await example(join(examples, "tools-image.sh"));
    expect(printed).toContain("Loaded image: example/tools:latest\nvar\nusr\n");
  });

  test("limits act", async () => {
    const printed = await example(join(examples, "limits.sh"));
    expect(printed).toContain("it ended with 137\nkilled for its memory: true\n");
  });

  test("the docker program works on the socket", async () => {
    const printed = await example(join(examples, "docker-client.sh"));
    expect(printed).toMatch(/talks to Gantry .*\nhello from [0-9a-f]{12}\n/);
  });

  test("a registry with rights says what it lets whom do, and ends where its port is taken", async () => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const { port } = other;
    const registry = (): Promise<string> =>
      example("timeout", "30", "env", `PORT=${port}`, join(examples, "private-registry.sh"));
    expect(await registry().catch(String)).toContain(`the registry cannot listen on 127.0.0.1:${port}`);
    await other.stop(true);
    const printed = await registry();
    expect(printed).toContain("bob push team/app     denied: no rule lets bob push to team/app\n");
    expect(printed).toEndWith('"scope":"repository:team/app:pull,push"\n');
  });

  test("TypeScript runs what nobody has to trust", async () => {
    const printed = await example(process.execPath, join(examples, "sandbox.ts"));
    expect(printed).toMatch(/^I am process 1 of [0-9a-f]{12}\nand may not write\nit ended with 0\n$/);
  });
});
