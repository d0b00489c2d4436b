import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exampleSpec } from "../spec/example-spec.ts";
import { command as create } from "./commands/create.ts";
import { command as restore } from "./commands/restore.ts";
import { readContainerFlags } from "./container-flags.ts";
import { parseRuncFlags } from "./parse-runc-flags.ts";
import type { CommandContext, RuntimeCommand } from "./runtime-command.ts";
import type { RuntimeHost } from "./runtime-host.ts";
import { RuntimeLog } from "./runtime-log.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-flags-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "b/rootfs"), { recursive: true });
writeFileSync(join(folder, "b/config.json"), JSON.stringify(exampleSpec()));

const now = new Date(0);

function contextOf(command: RuntimeCommand, workingFolder: string, argv: readonly string[]): CommandContext {
  const host: RuntimeHost = {
    environment: { A: "1" },
    workingFolder: () => workingFolder,
    now: () => now,
    self: [],
    version: "",
    print: () => undefined,
    complain: () => undefined,
  };
  const options = { root: "/r", logFormat: "text", isDebug: false, usesSystemd: true } as const;
  const given = parseRuncFlags(command.flags, argv, { isInterspersed: true });
  return { ...given, host, options, log: new RuntimeLog(host, options) };
}

test.each([
  ["create", create],
  ["restore", restore],
])("%s: paths begin in the working folder, which is the bundle if none is named", (_name, command) => {
  const named = readContainerFlags(
    contextOf(command, folder, ["-b", "b", "--pid-file=p", "--console-socket=/s", "web"]),
  );
  expect(named.bundle.path).toBe(join(folder, "b"));
  expect(named.options).toEqual({
    id: "web",
    root: "/r",
    usesSystemd: true,
    environment: { A: "1" },
    now,
    pidFile: join(folder, "p"),
    consoleSocket: "/s",
    warn: expect.any(Function),
  });
  const unnamed = readContainerFlags(contextOf(command, join(folder, "b"), ["web"]));
  expect(unnamed.bundle.path).toBe(join(folder, "b"));
  expect(() => readContainerFlags(contextOf(command, folder, ["../up"]))).toThrow("invalid");
});
