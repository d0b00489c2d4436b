import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../content/content-store.ts";
import { CONTENT_MIGRATIONS } from "../../content/migrations.ts";
import { REGISTRY_MIGRATIONS } from "../../distribution/repositories/migrations.ts";
import { REGISTRY_ROOTS } from "../../distribution/repositories/registry-roots.ts";
import { openRepositories, type Repositories } from "../../distribution/repositories/repositories.ts";
import { parseRepositoryName } from "../../distribution/repositories/repository-name.ts";
import { IDENTITY_MIGRATIONS, openAccess } from "../../identity/index.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { nextTurn } from "../../platform/next-turn.ts";
import { State } from "../../state/state.ts";
import { answerRegistry } from "./registry-door.ts";

const root = mkdtempSync(join(tmpdir(), "gantry-admission-"));
const cleanup = new AsyncDisposableStack();
let repositories: Repositories;
let ask: (method: string, path: string, headers?: Record<string, string>, body?: string) => Promise<Response>;

const basic = (name: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`,
});

async function tokenFor(user: Record<string, string>, scope: string): Promise<Record<string, string>> {
  const answer = await ask("GET", `/token?service=gantry-registry&scope=${scope}`, user);
  return { authorization: `Bearer ${((await answer.json()) as { token: string }).token}` };
}

beforeAll(async () => {
  // Of the password "secret".
  const hash = "$2b$04$6fOe5wDnaAkYvmKels6ePOSLrYletxJxGjhMAlkhmZWJM5G1FGKUG";
  writeFileSync(
    join(root, "access.toml"),
    `[users.alice]\npassword = "${hash}"\n[users.bob]\npassword = "${hash}"\n
     [[rights]]\nusers = ["alice"]\nrepositories = ["team/**"]\nactions = ["pull", "push", "delete"]\n
     [[rights]]\nusers = ["bob"]\nrepositories = ["bob/*"]\nactions = ["pull", "push"]\n
     [[quotas]]\nrepositories = ["team/small"]\nmax_bytes = "1 kB"\n
     [[quotas]]\nusers = ["bob"]\nmax_bytes = "1 kB"\n
     [[quotas]]\nrepositories = ["team/parallel"]\nmax_bytes = "1 kB"\n`,
  );
  const migrations = [...CONTENT_MIGRATIONS, ...REGISTRY_MIGRATIONS, ...IDENTITY_MIGRATIONS];
  const state = cleanup.use(State.open(join(root, "state.db"), { migrations, now: Date.now }));
  const content = cleanup.use(ContentStore.open({ directory: join(root, "content"), state, roots: REGISTRY_ROOTS }));
  const uploadsDirectory = join(root, "uploads");
  repositories = openRepositories({
    state,
    content,
    uploadsDirectory,
    randomId: randomUUID,
    storeKey: new Uint8Array(32),
  });
  const warn = (): void => {};
  const path = join(root, "access.toml");
  const access = await openAccess({ path, folder: root, state, service: "gantry-registry", randomBytes, warn });
  ask = (method, path, headers = {}, body = undefined) =>
    answerRegistry(
      new Request(`http://registry.test${path}`, { method, headers, ...(body === undefined ? {} : { body }) }),
      { address: "192.0.2.1" },
      { repositories, access, settings: {}, now: Date.now, randomId: randomUUID, warn },
    );
});

afterAll(async () => {
  await cleanup.disposeAsync();
  rmSync(root, { recursive: true });
});

describe("a registry with users", () => {
  const alice = basic("alice", "secret");
  const bob = basic("bob", "secret");
  const blob = digestOf("a secret of alice's");

  test("sends whoever has no name to the token service, also from its base", async () => {
    const base = await ask("GET", "/v2/");
    expect(base.status).toBe(401);
    expect(base.headers.get("www-authenticate")).toBe(
      'Bearer realm="http://registry.test/token",service="gantry-registry"',
    );
    const pushing = await ask("POST", "/v2/team/app/blobs/uploads/");
    expect(pushing.headers.get("www-authenticate")).toContain('scope="repository:team/app:pull,push"');
    expect(await pushing.json()).toEqual({ errors: [{ code: "UNAUTHORIZED", message: "log in to push team/app" }] });
  });

  test("takes a token for what it was given, and asks for a wider one for more", async () => {
    const token = await tokenFor(alice, "repository:team/app:pull,push");
    const pushed = await ask("POST", `/v2/team/app/blobs/uploads/?digest=${blob}`, token, "a secret of alice's");
    expect(pushed.status).toBe(201);
    const deleting = await ask("DELETE", `/v2/team/app/blobs/${blob}`, token);
    expect(deleting.status).toBe(401);
    expect(deleting.headers.get("www-authenticate")).toEndWith(
      'scope="repository:team/app:delete",error="insufficient_scope"',
    );
  });

  test("tells a user with a password no, and says what", async () => {
    const pulling = await ask("GET", `/v2/team/app/blobs/${blob}`, bob);
    expect(pulling.status).toBe(403);
    expect(await pulling.json()).toMatchObject({ errors: [{ code: "DENIED" }] });
    const wrong = await ask("GET", "/v2/", basic("alice", "guess"));
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_token"');
  });

  test("mounts nothing that its user may not read, whether the source is named or not", async () => {
    for (const from of ["&from=team/app", ""]) {
      const mounting = await ask("POST", `/v2/bob/app/blobs/uploads/?mount=${blob}${from}`, bob);
      expect(mounting.status).toBe(202);
    }
    expect((await ask("HEAD", `/v2/bob/app/blobs/${blob}`, bob)).status).toBe(404);
    expect((await ask("POST", `/v2/team/other/blobs/uploads/?mount=${blob}`, alice)).status).toBe(201);
    const narrow = await tokenFor(alice, "repository:team/third:pull,push");
    expect((await ask("POST", `/v2/team/third/blobs/uploads/?mount=${blob}`, narrow)).status).toBe(202);
  });

  test("a quota refuses what it has no room for, before it is sent and as it comes, and nothing of it is left", async () => {
    const pushing = async (sizeBytes: number, headers: Record<string, string> = {}): Promise<Response> => {
      const body = "x".repeat(sizeBytes);
      return await ask(
        "POST",
        `/v2/team/small/blobs/uploads/?digest=${digestOf(body)}`,
        { ...alice, ...headers },
        body,
      );
    };
    expect((await pushing(600)).status).toBe(201);
    for (const headers of [{}, { "content-length": "500" }] as Record<string, string>[]) {
      const refused = await pushing(500, headers);
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({
        errors: [
          {
            code: "DENIED",
            message: expect.stringContaining("600 B of 1 kB are used, and 500 B more do not fit"),
          },
        ],
      });
    }
    expect((await pushing(300)).status).toBe(201);
    const manifest = { "content-type": "application/x.note+json" };
    const noted = await ask(
      "PUT",
      "/v2/team/small/manifests/v1",
      { ...alice, ...manifest },
      JSON.stringify("n".repeat(200)),
    );
    expect(noted.status).toBe(403);
    const both = await Promise.all([pushing(90), pushing(95)]);
    expect(both.map((answer) => answer.status).toSorted()).toEqual([201, 403]);
    const mounting = await ask("POST", `/v2/team/small/blobs/uploads/?mount=${digestOf("a secret of alice's")}`, alice);
    expect(mounting.status).toBe(403);
    expect(readdirSync(join(root, "uploads"))).toEqual([]);
  });

  test("a quota counts what comes in uploads that nobody finishes", async () => {
    const begin = async (): Promise<string> =>
      (await ask("POST", "/v2/team/parallel/blobs/uploads/", alice)).headers.get("location") ?? "";
    const [first, second] = [await begin(), await begin()];
    expect((await ask("PATCH", first, alice, "x".repeat(700))).status).toBe(202);
    expect((await ask("PATCH", second, alice, "x".repeat(700))).status).toBe(403);
    expect((await ask("DELETE", first, alice)).status).toBe(204);
    const third = await begin();
    expect((await ask("PATCH", third, alice, "x".repeat(700))).status).toBe(202);
    expect((await ask("PUT", `${third}?digest=${digestOf("x".repeat(700))}`, alice)).status).toBe(201);
  });

  test("a quota of a user counts what they send to repositories that are not there yet, and knows who made which", async () => {
    const begin = async (name: string): Promise<string> =>
      (await ask("POST", `/v2/${name}/blobs/uploads/`, bob)).headers.get("location") ?? "";
    const [first, second] = [await begin("bob/first"), await begin("bob/second")];
    expect((await ask("PATCH", first, bob, "x".repeat(700))).status).toBe(202);
    expect((await ask("PATCH", second, bob, "x".repeat(700))).status).toBe(403);
    await repositories.owners.forgetUnmade(repositories.uploads.known);
    expect(["bob/first", "bob/second"].map((name) => repositories.owners.ownerOf(name))).toEqual(["bob", undefined]);
    expect((await ask("DELETE", first, bob)).status).toBe(204);
    // Nothing is uploaded here: it is forgotten as often as can be between the question and the answer.
    const put = ask("PUT", "/v2/bob/third/manifests/v1", { ...bob, "content-type": "application/x.note+json" }, "{}");
    let isDone = false;
    void put.finally(() => {
      isDone = true;
    });
    for (; !isDone; await nextTurn()) await repositories.owners.forgetUnmade(repositories.uploads.known);
    expect((await put).status).toBe(201);
    expect(repositories.owners.ownerOf("bob/third")).toBe("bob");
    repositories.manifests.remove(parseRepositoryName("bob/third"), digestOf("{}"));
  });

  test("lists only what one may pull", async () => {
    await ask("PUT", "/v2/team/app/manifests/v1", { ...alice, "content-type": "application/x.note+json" }, "{}");
    await ask("PUT", "/v2/bob/app/manifests/v1", { ...bob, "content-type": "application/x.note+json" }, "{}");
    expect(await (await ask("GET", "/v2/_catalog", alice)).json()).toEqual({ repositories: ["team/app"] });
    expect(await (await ask("GET", "/v2/_catalog", bob)).json()).toEqual({ repositories: ["bob/app"] });
    expect((await ask("GET", "/v2/_catalog")).status).toBe(401);
  });
});
