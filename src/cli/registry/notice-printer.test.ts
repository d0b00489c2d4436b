import { expect, test } from "bun:test";
import type { Output } from "../terminal.ts";
import { noticePrinter } from "./notice-printer.ts";

function collect(write: Output["write"] = async () => {}): Output & { readonly texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    isTerminal: false,
    write(data) {
      texts.push(String(data));
      return write(data);
    },
  };
}

const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

test("what a registry tells goes on after the reader of its log is gone, which is told once", async () => {
  const stdout = collect(async () => {
    throw Object.assign(new Error("EPIPE: broken pipe, write"), { code: "EPIPE" });
  });
  const stderr = collect();
  const tell = noticePrinter({ stdout, stderr });
  tell({ kind: "listening", address: "127.0.0.1:5000" });
  for (const line of ["one", "two", "three"]) {
    tell({ kind: "log", line });
    await turns();
  }
  tell({ kind: "warning", sentence: "a certificate is old" });
  expect(stdout.texts).toEqual(["one\n", "two\n", "three\n"]);
  expect(stderr.texts).toEqual([
    "gantry: the registry serves at 127.0.0.1:5000\n",
    "gantry: lines of the access log are lost: EPIPE: broken pipe, write\n",
    "gantry: a certificate is old\n",
  ]);
});

test("a reader that does not read holds no more than a megabyte, and hears again once it has read", async () => {
  const gate = Promise.withResolvers<void>();
  const stdout = collect(() => gate.promise);
  const stderr = collect();
  const tell = noticePrinter({ stdout, stderr });
  const line = "x".repeat(1023);
  for (let count = 0; count < 2000; count++) tell({ kind: "log", line });
  expect(stdout.texts).toHaveLength(1024);
  expect(stderr.texts).toEqual([
    "gantry: lines of the access log are lost: whoever reads standard output is too slow\n",
  ]);
  gate.resolve();
  await turns();
  tell({ kind: "log", line });
  expect(stdout.texts).toHaveLength(1025);
});

test("nobody at either end hinders nothing", async () => {
  const broken = (): Output => collect(async () => Promise.reject(new Error("EPIPE")));
  const tell = noticePrinter({ stdout: broken(), stderr: broken() });
  tell({ kind: "log", line: "one" });
  tell({ kind: "warning", sentence: "two" });
  await turns();
});
