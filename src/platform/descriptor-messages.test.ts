import { describe, expect, test } from "bun:test";
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectUnixStream, openMessagePair, receiveMessage, sendMessage } from "./descriptor-messages.ts";
import { ERRNO } from "./errno.ts";

function pair(): readonly [number, number] {
  const made = openMessagePair();
  if (typeof made === "number") throw new Error(`socketpair: ${made}`);
  return made;
}

const close = (...fds: readonly number[]): void => {
  for (const fd of fds) closeSync(fd);
};

describe("messages between two sockets", () => {
  test("stay apart, and an end is an empty one", () => {
    const [one, other] = pair();
    expect(sendMessage(one, Buffer.from("first"))).toBe(0);
    expect(sendMessage(one, Buffer.from("second"))).toBe(0);
    closeSync(one);
    const texts = [1, 2, 3].map(() => {
      const message = receiveMessage(other, 64);
      return typeof message === "number" ? message : Buffer.from(message.bytes).toString();
    });
    expect(texts).toEqual(["first", "second", ""]);
    expect(sendMessage(other, Buffer.from("to nobody"))).toBe(-ERRNO.EPIPE);
    closeSync(other);
  });

  test("carry descriptors of the same files", () => {
    const [one, other] = pair();
    const files = [openSync("/dev/null", "r"), openSync("/proc/self/status", "r")];
    sendMessage(one, Buffer.from("x"), files);
    const message = receiveMessage(other, 64);
    if (typeof message === "number") throw new Error(`recvmsg: ${message}`);
    const inode = (fd: number): number => fstatSync(fd).ino;
    expect(message.descriptors.map(inode)).toEqual(files.map(inode));
    close(one, other, ...files, ...message.descriptors);
  });

  test("that are too long are refused", () => {
    const [one, other] = pair();
    sendMessage(one, new Uint8Array(65));
    expect(receiveMessage(other, 64)).toBe(-ERRNO.EMSGSIZE);
    close(one, other);
  });
});

describe("a unix stream socket", () => {
  test("is connected to by its path", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-descriptors-"));
    const server = createServer().listen(join(folder, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    const fd = connectUnixStream(join(folder, "socket"));
    expect(fd).toBeGreaterThan(2);
    close(fd);
    server.close();
    expect(connectUnixStream(join(folder, "none"))).toBe(-ERRNO.ENOENT);
    expect(connectUnixStream(join(folder, "x".repeat(108)))).toBe(-ERRNO.ENAMETOOLONG);
    rmSync(folder, { recursive: true });
  });
});
