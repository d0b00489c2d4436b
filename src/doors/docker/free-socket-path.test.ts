import { afterAll, expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freeSocketPath } from "./free-socket-path.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-socket-path-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a path where nothing is stays so", async () => {
  await freeSocketPath(join(folder, "nothing"));
  expect(existsSync(join(folder, "nothing"))).toBe(false);
});

test("a socket that answers is somebody's, and one that does not is removed", async () => {
  const server = createServer().listen(join(folder, "live"));
  await once(server, "listening");
  linkSync(join(folder, "live"), join(folder, "left"));
  await expect(freeSocketPath(join(folder, "left"))).rejects.toThrow("another process serves there");
  server.close();
  await once(server, "close");
  expect(existsSync(join(folder, "left"))).toBe(true);
  await freeSocketPath(join(folder, "left"));
  expect(existsSync(join(folder, "left"))).toBe(false);
});

test("a file that --host names by mistake is left alone", async () => {
  writeFileSync(join(folder, "file"), "precious");
  await expect(freeSocketPath(join(folder, "file"))).rejects.toThrow("no socket");
  expect(readFileSync(join(folder, "file"), "utf8")).toBe("precious");
});
