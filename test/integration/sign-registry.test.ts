import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SignOptions, TrustTools } from "../../src/daemon/trust-tools.ts";
import { RegistryClient } from "../../src/distribution/client/registry-client.ts";
import type { Descriptor } from "../../src/oci/image.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { hostPlatform } from "../../src/oci/platform.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { registrySignatures } from "../../src/trust/registry-signatures.ts";
import { pushed } from "../../src/trust/sign/signature-store.ts";
import { OwnRegistry } from "../support/own-registry.ts";
import { testCertificate, testKeyPem, testPem } from "../support/test-certificates.ts";

describe("signatures in gantry's own registry", () => {
  let registry: OwnRegistry;
  let client: RegistryClient;
  let index: Descriptor;
  const folder = mkdtempSync(join(tmpdir(), "gantry-sign-"));
  const tools = new TrustTools({ environment: { GANTRY_TRUST: join(folder, "trust.toml"), HOME: folder } });

  beforeAll(async () => {
    registry = await OwnRegistry.start();
    client = new RegistryClient({ host: registry.host, isInsecure: true, now: Date.now });
    const store = registrySignatures(client, parseReference(`${registry.host}/app`));
    const encode = (document: object) => Buffer.from(JSON.stringify(document));
    const platform = hostPlatform();
    const config = await pushed(
      store,
      encode({ ...platform, rootfs: { type: "layers", diff_ids: [] } }),
      MEDIA_TYPES.ociConfig,
    );
    const manifest = encode({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [] });
    await store.putManifest({ tag: "one" }, manifest);
    const { descriptor } = await client.resolve(parseReference(`${registry.host}/app:one`));
    const manifests = [{ ...descriptor, platform }];
    const bytes = encode({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
    index = await client.putManifest(parseReference(`${registry.host}/app:1`), {
      bytes,
      mediaType: MEDIA_TYPES.ociIndex,
    });
    const key = testCertificate("leaf").publicKey.export({ type: "spki", format: "pem" });
    writeFileSync(join(folder, "key.pub"), key);
    writeFileSync(join(folder, "root.pem"), testPem("root"));
    writeFileSync(join(folder, "chain.pem"), testPem("leaf") + testPem("intermediate") + testPem("root"));
    const require = '[{ key = "key.pub" }, { ca = "root.pem", identities = ["*"] }]';
    writeFileSync(join(folder, "trust.toml"), `[[rule]]\nimage = "${registry.host}/app"\nrequire = ${require}\n`);
  });

  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function options(format: string): SignOptions {
    const certificate = format === "notation" ? { certificatePath: join(folder, "chain.pem") } : {};
    const password = () => Promise.reject(new Error("asked"));
    const said = { annotations: { build: "42" }, agent: "gantry/test" };
    return { format, key: testKeyPem("leaf"), keyName: "leaf.key", password, ...certificate, ...said };
  }

  test("an index is signed in every form, each once, and all are found by its referrers and cosign's tag", async () => {
    const name = `${registry.host}/app:1`;
    expect((await tools.report(name)).decision.verdict).toBe("reject");
    for (const format of ["cosign", "cosign-bundle", "notation"]) {
      const { status, target } = await tools.sign(name, options(format));
      expect({ status, digest: target.digest }).toEqual({ status: "signed", digest: index.digest });
      expect((await tools.sign(name, options(format))).status).toBe("already-signed");
    }
    const { decision, verdicts } = await tools.report(name);
    expect(decision.verdict).toBe("accept");
    const shown = verdicts.map(({ found, meets, problem, annotations }) => ({
      format: found.format,
      meets,
      problem,
      annotations,
    }));
    const annotations = { build: "42" };
    expect(shown.toSorted((left, right) => (left.format < right.format ? -1 : 1))).toEqual([
      { format: "cosign", meets: [0], problem: undefined, annotations },
      { format: "cosign-bundle", meets: [0], problem: undefined, annotations },
      { format: "notation", meets: [1], problem: undefined, annotations },
    ]);
    // The registry has a list of referrers: no tag stands in for it.
    expect(await Array.fromAsync(client.tags("app"))).toEqual(["1", "one", `${index.digest.replace(":", "-")}.sig`]);
  });
});
