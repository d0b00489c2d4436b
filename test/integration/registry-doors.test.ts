import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import type { RegistryNotice } from "../../src/api/registry.ts";
import { runRegistry } from "../../src/daemon/run-registry.ts";
import {
  canMakeCertificates,
  makeAuthority,
  makeCertificate,
  makeExpiredCertificate,
} from "../support/certificates.ts";

/** A registry over a root of its own, as `gantry registry serve --root --config` makes it. */
async function startRegistry(folder: string, config: string) {
  writeFileSync(join(folder, "registry.toml"), config);
  const notices: RegistryNotice[] = [];
  const end = new AbortController();
  const listening = Promise.withResolvers<Extract<RegistryNotice, { kind: "listening" }>>();
  const ended = runRegistry({
    environment: {},
    root: join(folder, "root"),
    request: { Config: join(folder, "registry.toml") },
    signal: end.signal,
    tell: (notice) => {
      notices.push(notice);
      if (notice.kind === "listening") listening.resolve(notice);
    },
  });
  ended.catch(listening.reject);
  const { address, metricsAddress } = await listening.promise;
  const logs = (): readonly Record<string, unknown>[] =>
    notices.flatMap((notice) => (notice.kind === "log" ? [JSON.parse(notice.line)] : []));
  const warnings = (): readonly string[] =>
    notices.flatMap((notice) => (notice.kind === "warning" ? [notice.sentence] : []));
  const stop = async (): Promise<void> => {
    end.abort();
    await ended;
  };
  return { address, metricsAddress, logs, warnings, stop };
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await isTrue()); ) {
    if (Date.now() > deadline) throw new Error("it did not come to it");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const folders: string[] = [];
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-registry-"));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test("a registry that others reach says that they may do everything, until it has users", async () => {
  const folder = makeFolder();
  const rules = join(folder, "root", "access.toml");
  const warningsAt = async (listen: string): Promise<readonly string[]> => {
    const registry = await startRegistry(folder, `listen = "${listen}"\n`);
    await registry.stop();
    return registry.warnings();
  };
  expect(await warningsAt("127.0.0.1:0")).toEqual([]);
  const hint = `(add users with \`gantry registry user add --access ${rules} NAME\`)`;
  expect(await warningsAt("0.0.0.0:0")).toEqual([
    expect.stringMatching(/^everybody who reaches 0\.0\.0\.0:\d+ may pull, push and delete \(/),
  ]);
  expect((await warningsAt("0.0.0.0:0"))[0]).toEndWith(hint);
  writeFileSync(rules, '[[rights]]\nanonymous = true\nrepositories = ["**"]\nactions = ["pull"]\n');
  expect(await warningsAt("0.0.0.0:0")).toEqual([]);
});

/** The common name of the certificate that a server shows. */
function shownName(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const port = Number(address.split(":").at(-1));
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("a registry's doors", () => {
  test("log each request, count it, and keep logs over a rotation", async () => {
    const folder = makeFolder();
    const registry = await startRegistry(
      folder,
      'listen = "[::]:0"\naccess-log = "access.log"\naudit-log = "-"\n[metrics]\nlisten = "127.0.0.1:0"\n',
    );
    try {
      // Of both families at once.
      const url = `http://127.0.0.1:${new URL(`http://${registry.address}`).port}`;
      const answer = await fetch(`${url}/v2/team/app/tags/list?n=1`, { headers: { "user-agent": "a test" } });
      const body = await answer.text();
      const log = join(folder, "access.log");
      await until(() => readFileSync(log, "utf8") !== "");
      expect(JSON.parse(readFileSync(log, "utf8"))).toMatchObject({
        method: "GET",
        path: "/v2/team/app/tags/list",
        endpoint: "tags",
        repository: "team/app",
        status: 404,
        userAgent: "a test",
        address: "127.0.0.1",
        sentBytes: body.length,
      });
      const audited = { action: "pull", repository: "team/app", allowed: true, address: "127.0.0.1" };
      expect(registry.logs()).toMatchObject([audited]);
      renameSync(log, `${log}.1`);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      await until(() => readFileSync(log, { encoding: "utf8", flag: "a+" }).includes("/healthz"));
      const metrics = await (await fetch(`http://${registry.metricsAddress}/metrics`)).text();
      expect(metrics).toContain('gantry_registry_requests_total{endpoint="tags",method="GET",status="404"} 1');
      expect(metrics).toContain("gantry_registry_notifications_pending 0");
      expect((await fetch(`${url}/metrics`)).status).toBe(404);
      expect((await fetch(`${url}/readyz`)).status).toBe(200);
    } finally {
      await registry.stop();
    }
  });

  test("tell a listener of pushes, mounts, pulls and deletions as Docker's registry does", async () => {
    const folder = makeFolder();
    const events: { action: string; target: Record<string, unknown>; request: { method: string } }[] = [];
    const hook = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        expect(request.headers.get("content-type")).toBe("application/vnd.docker.distribution.events.v2+json");
        expect(request.headers.get("authorization")).toBe("Bearer x");
        events.push(...((await request.json()) as { events: typeof events }).events);
        return new Response();
      },
    });
    const registry = await startRegistry(
      folder,
      `listen = "127.0.0.1:0"\n[[notifications]]\nname = "hook"\nurl = "${hook.url}"\nheaders = { Authorization = "Bearer x" }\n`,
    );
    try {
      const url = `http://${registry.address}/v2`;
      const digest = `sha256:${new Bun.CryptoHasher("sha256").update("bytes").digest("hex")}`;
      await fetch(`${url}/a/blobs/uploads/?digest=${digest}`, { method: "POST", body: "bytes" });
      await fetch(`${url}/b/blobs/uploads/?mount=${digest}&from=a`, { method: "POST" });
      const type = "application/x.note+json";
      await fetch(`${url}/a/manifests/v1`, { method: "PUT", body: "{}", headers: { "content-type": type } });
      await fetch(`${url}/a/manifests/v1`);
      await until(() => events.some(({ action }) => action === "pull"));
      await fetch(`${url}/a/manifests/v1`, { method: "DELETE" });
      await fetch(`${url}/b/blobs/${digest}`, { method: "DELETE" });
      await fetch(`${url}/b/blobs/${digest}`, { method: "DELETE" });
      await until(() => events.length >= 6);
      const manifest = `sha256:${new Bun.CryptoHasher("sha256").update("{}").digest("hex")}`;
      const blob = { digest, mediaType: "application/octet-stream", size: 5, length: 5 };
      const note = { digest: manifest, mediaType: type, size: 2, length: 2, repository: "a", tag: "v1" };
      const told: unknown = events.map(({ action, target, request }) => [
        action,
        request.method,
        { ...target, url: "" },
      ]);
      expect(told).toEqual([
        ["push", "POST", { ...blob, repository: "a", url: "" }],
        ["mount", "POST", { ...blob, repository: "b", fromRepository: "a", url: "" }],
        ["push", "PUT", { ...note, url: "" }],
        ["pull", "GET", { ...note, url: "" }],
        ["delete", "DELETE", { repository: "a", tag: "v1", url: "" }],
        ["delete", "DELETE", { repository: "b", digest, url: "" }],
      ]);
      expect(events[2]?.target.url).toBe(`${url}/a/manifests/${manifest}`);
    } finally {
      await registry.stop();
      await hook.stop(true);
    }
  });

  test("are not opened to everybody by a name of a file of rights that is not there", async () => {
    const folder = makeFolder();
    const opening = startRegistry(folder, `listen = "127.0.0.1:0"\naccess = "acess.toml"\n`);
    expect(opening).rejects.toThrow(
      `there is no ${join(folder, "acess.toml")}: without it everybody could do everything`,
    );
    await opening.catch(() => undefined);
  });

  test.skipIf(!canMakeCertificates())("tell of a certificate that is over, until there is a new one", async () => {
    const folder = makeFolder();
    const authority = makeAuthority(folder);
    const [over, fresh] = [
      makeExpiredCertificate(folder, "over", authority),
      makeCertificate(folder, "new", authority),
    ];
    const files = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
    const use = (made: typeof over): void => {
      for (const kind of ["certificate", "key"] as const) copyFileSync(made[kind], files[kind]);
    };
    use(over);
    const tls = `[tls]\ncertificate = "tls.pem"\nkey = "tls.key"\n`;
    const registry = await startRegistry(folder, `listen = "127.0.0.1:0"\n${tls}`);
    try {
      const told = [
        expect.stringMatching(
          /^clients refuse the certificate in .+tls\.pem, which is over since .+ GMT \(put a new one/,
        ),
      ];
      expect(registry.warnings()).toEqual(told);
      use(fresh);
      await until(async () => (await shownName(registry.address).catch(() => "")) === "new");
      expect(registry.warnings()).toEqual(told);
    } finally {
      await registry.stop();
    }
  });

  test.skipIf(!canMakeCertificates())("take a new certificate when it is there whole, and not before", async () => {
    const folder = makeFolder();
    const authority = makeAuthority(folder);
    const [first, second] = [makeCertificate(folder, "first", authority), makeCertificate(folder, "second", authority)];
    const files = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
    copyFileSync(first.certificate, files.certificate);
    copyFileSync(first.key, files.key);
    const tls = `[tls]\ncertificate = "tls.pem"\nkey = "tls.key"\n`;
    const registry = await startRegistry(folder, `listen = "127.0.0.1:0"\n${tls}`);
    try {
      const ca = readFileSync(authority.certificate, "utf8");
      expect((await fetch(`https://${registry.address}/v2/`, { tls: { ca } })).status).toBe(200);
      expect(await shownName(registry.address)).toBe("first");
      copyFileSync(second.certificate, files.certificate);
      await until(() => registry.warnings().length > 0);
      expect(registry.warnings()[0]).toContain("is not that of the certificate");
      expect(await shownName(registry.address)).toBe("first");
      copyFileSync(second.key, files.key);
      // A connection that is made in the very moment may be broken off: it had the old one.
      await until(async () => (await shownName(registry.address).catch(() => "")) === "second");
    } finally {
      await registry.stop();
    }
  });

  test.skipIf(!canMakeCertificates())(
    "know a user by a certificate of the clients' authority, and by no other",
    async () => {
      const folder = makeFolder();
      const authority = makeAuthority(folder);
      makeCertificate(folder, "server", authority);
      const clients = makeAuthority(folder, "clients");
      const robot = makeCertificate(folder, "robot", clients);
      const stranger = makeCertificate(folder, "stranger", authority);
      writeFileSync(
        join(folder, "access.toml"),
        `[users.robot]\ncertificates = ["CN=robot", "CN=stranger"]\n[[rights]]\nusers = ["robot"]\nrepositories = ["**"]\nactions = ["*"]\n`,
      );
      const tls = `[tls]\ncertificate = "server.pem"\nkey = "server.key"\nclient-authority = "clients.pem"\n`;
      const registry = await startRegistry(folder, `listen = "127.0.0.1:0"\naccess = "access.toml"\n${tls}`);
      try {
        const ca = readFileSync(authority.certificate, "utf8");
        const ask = (path: string, init: RequestInit = {}, from?: typeof robot): Promise<Response> => {
          const pair = from && { cert: readFileSync(from.certificate, "utf8"), key: readFileSync(from.key, "utf8") };
          return fetch(`https://${registry.address}${path}`, { ...init, tls: { ca, ...pair } } as RequestInit);
        };
        expect((await ask("/v2/")).status).toBe(401);
        expect((await ask("/v2/", {}, stranger)).status).toBe(401);
        expect((await ask("/v2/", {}, robot)).status).toBe(200);
        const body = new Uint8Array(3_000_000).fill(7);
        const digest = `sha256:${new Bun.CryptoHasher("sha256").update(body).digest("hex")}`;
        const pushed = await ask(`/v2/app/blobs/uploads/?digest=${digest}`, { method: "POST", body }, robot);
        expect(pushed.status).toBe(201);
        const pulled = await ask(`/v2/app/blobs/${digest}`, { headers: { range: "bytes=1-2999998" } }, robot);
        expect((await pulled.bytes()).byteLength).toBe(2_999_998);
        expect((await ask(`/v2/app/blobs/${digest}`, { method: "HEAD" }, robot)).headers.get("content-length")).toBe(
          "3000000",
        );
        const manifest = JSON.stringify({ mediaType: "application/vnd.test.thing+json", text: "x".repeat(10_000) });
        const tagged = await ask("/v2/app/manifests/1", { method: "PUT", body: manifest }, robot);
        expect(tagged.status).toBe(201);
        for (const path of ["/v2/app/manifests/1", "/v2/app/tags/list", "/v2/app/manifests/none"]) {
          for (const method of ["GET", "HEAD"]) {
            const told = await ask(path, { method }, robot);
            const length = Number(told.headers.get("content-length"));
            expect({ path, length }).toEqual({
              path,
              length: method === "GET" ? (await told.bytes()).byteLength : length,
            });
            expect(length).toBeGreaterThan(20);
          }
        }
        // Bytes that hash as they should, but fewer than were announced: the client is gone, and nothing is stored.
        const half = "only these came";
        const cut = `sha256:${new Bun.CryptoHasher("sha256").update(half).digest("hex")}`;
        const begun = await ask("/v2/app/blobs/uploads/", { method: "POST" }, robot);
        const location = begun.headers.get("location") ?? "";
        const pair = { cert: readFileSync(robot.certificate, "utf8"), key: readFileSync(robot.key, "utf8") };
        const port = Number(registry.address.split(":").at(-1));
        const socket = connect({ host: "127.0.0.1", port, ca, ...pair });
        socket.write(`PUT ${location}?digest=${cut} HTTP/1.1\r\nHost: registry\r\nContent-Length: 100\r\n\r\n${half}`);
        const stands = async () => (await ask(location, {}, robot)).headers.get("range");
        await until(async () => (await stands()) === `0-${half.length - 1}`);
        socket.destroy();
        const finish = () => ask(`${location}?digest=${cut}`, { method: "PUT" }, robot);
        await until(async () => (await finish()).status === 201);
      } finally {
        await registry.stop();
      }
    },
  );
});
