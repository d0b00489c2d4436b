import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { trustGate } from "../../src/daemon/pull-gate.ts";
import { formatError } from "../../src/errors/gantry-error.ts";
import type { ProgressEvent } from "../../src/image/progress-event.ts";
import type { PullOptions } from "../../src/image/pull.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import type { Descriptor } from "../../src/oci/image.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { signatureTag } from "../../src/trust/find-signatures.ts";
import { parsePrivateKey } from "../../src/trust/keys/private-key.ts";
import { signCosign } from "../../src/trust/sign/sign-cosign.ts";
import type { SignatureStore } from "../../src/trust/sign/signature-store.ts";
import { skipReason } from "../support/command.ts";
import { FakeRegistry, refuse } from "../support/fake-registry.ts";
import { openTestStore, type TestStore, testConnections } from "../support/image-store.ts";
import { makeTar } from "../support/layers.ts";

const skip = skipReason({ root: true });
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("pull under a trust policy", () => {
  let store: TestStore;
  let registry: FakeRegistry;
  let policy: string;
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" });

  beforeEach(async () => {
    store = await openTestStore();
    registry = await FakeRegistry.start();
    policy = join(store.root, "trust.toml");
    writeFileSync(join(store.root, "key.pub"), key.publicKey.export({ type: "spki", format: "pem" }));
    rule('action = "reject"');
  });

  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    registry[Symbol.dispose]();
  });

  function rule(text: string): void {
    writeFileSync(policy, `[[rule]]\nimage = "${registry.host}"\n${text}\nrequire = [{ key = "key.pub" }]\n`);
  }

  function layer(content: string) {
    const bytes = makeTar([{ type: "file", path: "x", content: Buffer.from(content) }]);
    return { bytes, diffId: digestOf(bytes), mediaType: MEDIA_TYPES.ociLayer };
  }

  async function pull(name: string, options: PullOptions = {}) {
    return await store.puller({ gate: trustGate(policy) }).pull(`${registry.host}/${name}`, options);
  }

  async function problemOf(work: Promise<unknown>): Promise<string> {
    try {
      await work;
      return "";
    } catch (error) {
      return formatError(error);
    }
  }

  function names(): readonly string[] {
    return store.content.names.list().map(({ name }) => name.slice(registry.host.length + 1));
  }

  /** Signs in the fake registry, as `gantry image sign` does in a real one. */
  async function sign(repository: string, subject: Descriptor): Promise<void> {
    const pem = String(key.privateKey.export({ type: "pkcs8", format: "pem" }));
    const tag = signatureTag(subject.digest);
    let put: { descriptor: Descriptor; manifest: Parameters<SignatureStore["putManifest"]>[1] } | undefined;
    const fake: SignatureStore = {
      manifest: async () => {
        if (put === undefined) return undefined;
        return { descriptor: put.descriptor, manifest: JSON.parse(Buffer.from(put.manifest).toString()) };
      },
      referrers: async () => [],
      blob: async () => new Uint8Array(),
      pushBlob: async (bytes) => void registry.addBlob(bytes, ""),
      putManifest: async (_name, bytes) => {
        const descriptor = registry.addManifest(`${repository}:${tag}`, JSON.parse(Buffer.from(bytes).toString()));
        put = { descriptor, manifest: bytes };
      },
    };
    const reference = parseReference(`${registry.host}/${repository}`);
    await signCosign(fake, { reference, subject, annotations: {} }, await parsePrivateKey(pem, "key"));
  }

  test("what is not signed is rejected before anything of it is stored", async () => {
    registry.addImage("app:1", [layer("a")]);
    expect(await problemOf(pull("app:1"))).toBe(
      `image ${registry.host}/app:1 is rejected by the trust policy: it has no signature (1 of 1 wanted) (${policy} has the rule for ${registry.host}; see \`gantry image trust ${registry.host}/app:1\`)`,
    );
    expect(names()).toEqual([]);
    expect(store.leftovers()).toEqual([]);
    expect(registry.requests.filter((request) => request.includes("/blobs/"))).toEqual([]);
  });

  test("what is signed is pulled, by tag and by digest", async () => {
    const { manifest } = registry.addImage("app:1", [layer("a")]);
    await sign("app", manifest);
    expect((await pull("app:1")).status).toBe("downloaded");
    expect((await pull(`app@${manifest.digest}`)).target.digest).toBe(manifest.digest);
    expect(names()).toEqual(["app:1", `app@${manifest.digest}`]);
  });

  test("a digest that is not signed is rejected though another image of that repository is", async () => {
    const { manifest } = registry.addImage("app:1", [layer("a")]);
    const { manifest: other } = registry.addImage("app:2", [layer("b")]);
    await sign("app", manifest);
    expect(await problemOf(pull(`app@${other.digest}`))).toContain("it has no signature");
  });

  test("of an index, the signature of either the index or the chosen platform's manifest counts", async () => {
    const amd64 = registry.addImage("app:amd64", [layer("a")]).manifest;
    const arm64 = registry.addImage("app:arm64", [layer("b")], { os: "linux", architecture: "arm64" }).manifest;
    const manifests = [
      { ...amd64, platform: { os: "linux", architecture: "amd64" } },
      { ...arm64, platform: { os: "linux", architecture: "arm64" } },
    ];
    const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
    const index = registry.addManifest("app:1", document, MEDIA_TYPES.ociIndex);
    const forArm = { platform: { os: "linux", architecture: "arm64" } };
    const forAmd = { platform: { os: "linux", architecture: "amd64" } };
    await sign("app", arm64);
    expect(await problemOf(pull("app:1", forAmd))).toContain("it has no signature");
    expect((await pull("app:1", forArm)).manifestDigest).toBe(arm64.digest);
    await sign("app", index);
    expect((await pull("app:1", forAmd)).manifestDigest).toBe(amd64.digest);
  });

  test("a signature that was copied from another repository does not count", async () => {
    const { manifest } = registry.addImage("app:1", [layer("a")]);
    await sign("app", manifest);
    registry.addImage("other:1", [layer("a")]);
    const tag = signatureTag(manifest.digest);
    const signatures = registry.manifests.get(`app:${tag}`);
    if (signatures !== undefined) registry.manifests.set(`other:${tag}`, signatures);
    expect(await problemOf(pull("other:1"))).toContain(
      `it was made for ${registry.host}/app, not for ${registry.host}/other`,
    );
  });

  test("a tag that is moved while its signature is verified: exactly what was verified is stored", async () => {
    const { manifest } = registry.addImage("app:1", [layer("good")]);
    await sign("app", manifest);
    registry.intercept = (request) => {
      if (request.url?.endsWith(".sig")) registry.addImage("app:1", [layer("evil")]);
      return false;
    };
    expect((await pull("app:1")).target.digest).toBe(manifest.digest);
    expect(store.content.names.get(`${registry.host}/app:1`)?.digest).toBe(manifest.digest);
  });

  test("an image that is there keeps its name when the policy rejects a newer one", async () => {
    const { manifest } = registry.addImage("app:1", [layer("a")]);
    await sign("app", manifest);
    await pull("app:1");
    registry.addImage("app:1", [layer("b")]);
    expect(await problemOf(pull("app:1"))).toContain("it has no signature");
    expect(store.content.names.get(`${registry.host}/app:1`)?.digest).toBe(manifest.digest);
  });

  test("a rule that warns is told among the progress, and lets it in", async () => {
    rule('action = "warn"');
    registry.addImage("app:1", [layer("a")]);
    const events: ProgressEvent[] = [];
    await pull("app:1", { onProgress: (event) => events.push(event) });
    expect(events.map(({ status }) => status)).toContain(
      `Warning: image ${registry.host}/app:1 has no signature (1 of 1 wanted)`,
    );
  });

  test("a registry that fails to tell of signatures lets nothing in, unless the rule only warns", async () => {
    registry.addImage("app:1", [layer("a")]);
    registry.intercept = (request, response) => {
      if (!request.url?.includes("sha256-")) return false;
      refuse(response, 500, "UNKNOWN", "disk on fire");
      return true;
    };
    expect(await problemOf(pull("app:1"))).toContain("disk on fire");
    expect(names()).toEqual([]);
    rule('action = "warn"');
    const events: ProgressEvent[] = [];
    await pull("app:1", { onProgress: (event) => events.push(event) });
    expect(events.some(({ status }) => status.includes("cannot verify the signatures of"))).toBe(true);
  });

  test("a policy that cannot be understood, or was named and is not there, lets nothing in", async () => {
    registry.addImage("app:1", [layer("a")]);
    writeFileSync(policy, "[[rule]]\nimage = 7\n");
    expect(await problemOf(pull("app:1"))).toContain(
      `cannot understand ${policy}: invalid trust.toml: line 2: rule[0].image is needed`,
    );
    const gate = trustGate(`${policy}.gone`);
    expect(await problemOf(store.puller({ gate }).pull(`${registry.host}/app:1`))).toContain(
      "which GANTRY_TRUST names",
    );
    expect(names()).toEqual([]);
  });

  test("a mirror without signatures is passed over for the registry that has them", async () => {
    const { manifest } = registry.addImage("app:1", [layer("a")]);
    await sign("app", manifest);
    using mirror = await FakeRegistry.start();
    mirror.addImage("copy/app:1", [layer("evil")]);
    const mirrors = [{ location: `${mirror.host}/copy`, isInsecure: true, pulls: "all" as const }];
    const entry = { prefix: registry.host, isInsecure: true, isBlocked: false, mirrors };
    const registries = testConnections({ defaultRegistry: "docker.io", registries: [entry] });
    const { target } = await store.puller({ gate: trustGate(policy), registries }).pull(`${registry.host}/app:1`);
    expect(target.digest).toBe(manifest.digest);
  });
});
