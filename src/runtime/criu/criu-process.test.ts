import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, closeSync, existsSync, fstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { CriuProcess } from "./criu-process.ts";

const DOUBLE = join(import.meta.dir, "../../../test/support/criu-double.ts");
const folder = mkdtempSync(join(tmpdir(), "gantry-criu-"));
writeFileSync(join(folder, "criu"), `#!/bin/sh\nexec '${process.execPath}' '${DOUBLE}'\n`);
chmodSync(join(folder, "criu"), 0o755);
afterAll(() => rmSync(folder, { recursive: true }));

describe("criu as a child", () => {
  test("is looked for in folders that are named whole: never in the working folder", async () => {
    const PATH = `:${relative(process.cwd(), folder)}:/nonesuch`;
    await expect(CriuProcess.start({ environment: { PATH } })).rejects.toThrow("criu is not installed");
  });

  test("that ends while it is answered: what the answer failed of is told", async () => {
    await using criu = await CriuProcess.start({ environment: { PATH: folder } });
    const asked = criu.ask({ type: "restore" }, async ({ name }, descriptors) => {
      expect({ name, opened: descriptors.map((fd) => fstatSync(fd).ino > 0) }).toEqual({
        name: "post-restore",
        opened: [true],
      });
      for (const fd of descriptors) closeSync(fd);
      // Its end of the socket is closed with the last of its threads.
      while (existsSync(`/proc/${criu.pid}`)) await Bun.sleep(5);
      throw new Error("the hook failed");
    });
    await expect(asked).rejects.toThrow("the hook failed");
  });

  test("that is killed has given no answer, though what it was making has its socket still", async () => {
    const killed = mkdtempSync(join(folder, "killed-"));
    writeFileSync(join(killed, "criu"), "#!/bin/sh\nsleep 1000 &\necho $! >$0.pid\nkill -9 $$\n", { mode: 0o755 });
    await using criu = await CriuProcess.start({ environment: { PATH: `${killed}:${process.env.PATH}` } });
    try {
      await expect(criu.ask({ type: "restore" })).rejects.toThrow("criu gave no answer (signal SIGKILL)");
    } finally {
      process.kill(Number(readFileSync(join(killed, "criu.pid"), "utf8")), "SIGKILL");
    }
  });
});
