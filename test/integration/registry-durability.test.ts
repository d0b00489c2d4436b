import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { skipReason } from "../support/command.ts";
import { until } from "../support/daemon.ts";
import { encodeManifest, pushBlob, putManifest } from "../support/push-content.ts";
import { RegistryProcess } from "../support/registry-process.ts";
import { readSystemCalls, type SystemCall } from "../support/system-calls.ts";

const skip = skipReason({ programs: ["strace"] });
if (skip !== undefined) console.log(`skipped: ${skip}`);

const CALLS = "write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,sendto,sendmsg";

/** What stays after power is lost is what was synced before it was promised (ARCHITECTURE, "Durability"). */
describe.skipIf(skip !== undefined)("the order of a registry's system calls", () => {
  let folder: string;
  let trace: string;
  let registry: RegistryProcess;
  let repository: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gantry-durability-"));
    trace = join(folder, "trace");
    const before = [
      "strace",
      "--follow-forks",
      "--decode-fds=path",
      "--string-limit=40",
      `--trace=${CALLS}`,
      "-o",
      trace,
    ];
    const program = [process.execPath, join(import.meta.dirname, "../crash/registry-child.ts")];
    registry = await RegistryProcess.start({ root: join(folder, "root"), before, program });
    repository = `${registry.url}/v2/lasting`;
    // The first one makes what others find. Its answer is waited for in the trace, as all are.
    const first = { method: "POST", body: "first" };
    await callsOf(() => fetch(`${repository}/blobs/uploads/?digest=${digestOf("first")}`, first), 201);
  }, 60_000);
  afterAll(async () => {
    // strace ends with what it looks at, not before.
    const [, traced] = /^(\d+)/.exec(readFileSync(trace, "utf8")) ?? [];
    if (traced !== undefined) process.kill(Number(traced), "SIGKILL");
    await until("strace has ended", () => !registry.isRunning);
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The calls of one request, up to its answer. */
  async function callsOf(request: () => Promise<Response>, status: number): Promise<readonly SystemCall[]> {
    const lines = readFileSync(trace, "utf8").split("\n").length - 1;
    const response = await request();
    expect(response.status).toBe(status);
    await response.arrayBuffer();
    let calls: readonly SystemCall[] = [];
    await until("the answer is in the trace", () => {
      calls = readSystemCalls(trace).filter(({ start }) => start >= lines);
      return calls.some(isAnswer(status));
    });
    return calls.slice(0, calls.findIndex(isAnswer(status)) + 1);
  }

  const isAnswer =
    (status: number) =>
    ({ name, text }: SystemCall): boolean =>
      /^(send|write)/.test(name) && text.includes(`HTTP/1.1 ${status}`);
  const isWrite = ({ name }: SystemCall): boolean => /^p?write/.test(name);
  const isSync = ({ name }: SystemCall): boolean => name === "fsync" || name === "fdatasync";
  const on =
    (path: string) =>
    ({ text }: SystemCall): boolean =>
      text.includes(path);

  function only(calls: readonly SystemCall[], fits: (call: SystemCall) => boolean): SystemCall {
    const [found, ...others] = calls.filter(fits);
    expect(others).toEqual([]);
    if (found === undefined) throw new Error(`there is no such call:\n${calls.map(({ text }) => text).join("\n")}`);
    return found;
  }

  function expectOrder(...calls: readonly SystemCall[]): void {
    for (const [index, call] of calls.slice(1).entries()) {
      const before = calls[index] as SystemCall;
      if (before.end >= call.start) throw new Error(`began before that was over: ${call.text}\n${before.text}`);
    }
  }

  /** The database has it for good: after the last write to its log comes a sync. @returns first write, and sync */
  function commit(calls: readonly SystemCall[]): readonly [SystemCall, SystemCall] {
    const log = calls.filter(on("/state.db-wal>"));
    const [first, last] = [log.find(isWrite), log.filter(isWrite).at(-1)];
    const sync = log.filter(isSync).at(-1);
    if (first === undefined || last === undefined || sync === undefined) throw new Error("nothing was committed");
    expectOrder(last, sync);
    return [first, sync];
  }

  /** Written, synced, renamed, the folder synced, committed, and only then answered. */
  function expectStored(calls: readonly SystemCall[], digest: string): void {
    const answer = calls.at(-1) as SystemCall;
    const [algorithm = "", hex = ""] = digest.split(":");
    const rename = only(calls, ({ name, text }) => name.startsWith("rename") && text.includes(`/${hex}"`));
    const from = /^\w+\((?:AT_FDCWD[^,]*, )?"([^"]+)"/.exec(rename.text)?.[1] ?? "";
    const written = calls
      .filter(isWrite)
      .filter(on(`<${from}>`))
      .at(-1);
    const synced = only(calls.filter(isSync), on(`<${from}>`));
    const folderSynced = only(calls.filter(isSync), on(`/content/blobs/${algorithm}>`));
    // Before the bytes comes whose the upload is, which is to outlive a killed process alone.
    const [firstWrite, committed] = commit(calls.filter(({ start }) => start > (written?.end ?? 0)));
    expectOrder(
      ...(written === undefined ? [] : [written]),
      synced,
      rename,
      folderSynced,
      firstWrite,
      committed,
      answer,
    );
  }

  test("the folders that are made, and the database's name, before it serves", () => {
    const calls = readSystemCalls(trace);
    const serves = only(calls, ({ name, text }) => /^(write|send)/.test(name) && text.includes("the registry serves"));
    for (const path of ["", "/content", "/content/blobs"]) {
      const synced = calls.filter(isSync).find(on(`<${registry.root}${path}>`));
      if (synced === undefined) throw new Error(`${path} was not synced`);
      expectOrder(synced, serves);
    }
  });

  test.each(["sha256", "sha512"] as const)("a blob by %s that comes in one piece", async (algorithm) => {
    const bytes = randomBytes(300_000);
    const digest = digestOf(bytes, algorithm);
    const push = () => fetch(`${repository}/blobs/uploads/?digest=${digest}`, { method: "POST", body: bytes });
    const calls = await callsOf(push, 201);
    expect(calls.filter(isWrite).some(on("/uploads/"))).toBe(true);
    expectStored(calls, digest);
  });

  test("a blob that comes in chunks", async () => {
    const bytes = randomBytes(200_000);
    const begun = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
    const location = `${registry.url}${begun.headers.get("location")}`;
    await fetch(location, { method: "PATCH", body: bytes.subarray(0, 100_000) });
    const digest = digestOf(bytes);
    const finish = () => fetch(`${location}?digest=${digest}`, { method: "PUT", body: bytes.subarray(100_000) });
    expectStored(await callsOf(finish, 201), digest);
  });

  test("a manifest with its tag", async () => {
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const manifest = encodeManifest({ schemaVersion: 2, mediaType, manifests: [] });
    expectStored(await callsOf(() => putManifest(repository, "tag", manifest), 201), manifest.digest);
  });

  test("what only the database knows: a mount, a blob that is there already, a tag that goes", async () => {
    const digest = digestOf("pushed before");
    // Waited for in the trace: its answer is not to be taken for the next one's.
    await callsOf(
      () => fetch(`${repository}/blobs/uploads/?digest=${digest}`, { method: "POST", body: "pushed before" }),
      201,
    );
    const elsewhere = `${registry.url}/v2/elsewhere`;
    const mount = () => fetch(`${elsewhere}/blobs/uploads/?mount=${digest}&from=lasting`, { method: "POST" });
    const again = () =>
      fetch(`${elsewhere}/blobs/uploads/?digest=${digest}`, { method: "POST", body: "pushed before" });
    const untag = () => fetch(`${repository}/manifests/tag`, { method: "DELETE" });
    for (const [request, status] of [
      [mount, 201],
      [again, 201],
      [untag, 202],
    ] as const) {
      const calls = await callsOf(request, status);
      expectOrder(commit(calls)[1], calls.at(-1) as SystemCall);
    }
  });

  test("a blob that is collected: its row is gone for good before its file", async () => {
    const digest = await pushBlob(repository, randomBytes(1000));
    const hex = digest.slice(7);
    const lines = readFileSync(trace, "utf8").split("\n").length - 1;
    expect((await fetch(`${repository}/blobs/${digest}`, { method: "DELETE" })).status).toBe(202);
    await until("it is collected", () => !existsSync(join(registry.root, "content/blobs/sha256", hex)));
    let calls: readonly SystemCall[] = [];
    const isUnlink = ({ name, text }: SystemCall): boolean => name.startsWith("unlink") && text.includes(hex);
    await until("the removal is in the trace", () => {
      calls = readSystemCalls(trace).filter(({ start }) => start >= lines);
      return calls.some(isUnlink);
    });
    const answered = calls.findIndex(isAnswer(202));
    const collection = calls.slice(answered, calls.findIndex(isUnlink) + 1);
    expectOrder(commit(collection)[1], collection.at(-1) as SystemCall);
  });
});
