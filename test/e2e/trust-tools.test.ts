import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, run, skipReason } from "../support/command.ts";
import { checkoutProgram } from "../support/daemon.ts";
import { makeArchive, makeLayer } from "../support/layers.ts";
import { registrySkipReason, startRegistry, type TestRegistry } from "../support/registry.ts";
import { testKeyPem, testPem } from "../support/test-certificates.ts";

const skip = registrySkipReason();
const needs = (...programs: readonly string[]) => skip ?? skipReason({ programs });

/** Debian's build of skopeo refuses sigstore signatures altogether. */
async function skopeoSkipReason(): Promise<string | undefined> {
  const program = findProgram("skopeo");
  if (skip !== undefined || program === undefined) return skip ?? "not installed: skopeo";
  const isDisabled = (await Bun.file(program).text()).includes("Debian-local change: sigstore disabled");
  return isDisabled ? "this skopeo is built without sigstore signatures" : undefined;
}
const skopeoSkip = await skopeoSkipReason();
for (const reason of new Set([needs("cosign"), needs("notation"), skopeoSkip])) {
  if (reason !== undefined) console.log(`skipped: ${reason}`);
}

describe.skipIf(skip !== undefined)("signatures between gantry and others", () => {
  let registry: TestRegistry;
  const folder = mkdtempSync(join(tmpdir(), "gantry-sign-"));
  const at = (name: string): string => join(folder, name);
  const environment = {
    COSIGN_PASSWORD: "secret",
    COSIGN_YES: "1",
    GANTRY_TRUST: at("trust.toml"),
    HOME: folder,
    XDG_CONFIG_HOME: folder,
  };
  const call = (...command: readonly string[]): Promise<string> =>
    run(["env", ...Object.entries(environment).map(([name, value]) => `${name}=${value}`), ...command]);
  const gantry = (...words: readonly string[]) => call(...checkoutProgram, ...words);

  beforeAll(async () => {
    registry = await startRegistry();
    mkdirSync(at("notation"));
    mkdirSync(at("notation/truststore/x509/ca/acme"), { recursive: true });
    writeFileSync(at("notation/truststore/x509/ca/acme/root.pem"), testPem("root"));
    writeFileSync(at("leaf.key"), testKeyPem("leaf-p384"));
    writeFileSync(at("leaf.crt"), testPem("leaf-p384") + testPem("root"));
    const key = { name: "leaf", keyPath: at("leaf.key"), certPath: at("leaf.crt") };
    writeFileSync(at("notation/signingkeys.json"), JSON.stringify({ default: "leaf", keys: [key] }));
    const trusted = { trustStores: ["ca:acme"], trustedIdentities: ["x509.subject: C=US, ST=WA, O=acme.io"] };
    const scope = { name: "all", registryScopes: ["*"], signatureVerification: { level: "strict" }, ...trusted };
    writeFileSync(at("notation/trustpolicy.json"), JSON.stringify({ version: "1.0", trustPolicies: [scope] }));
  });

  afterAll(() => {
    registry[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  /** Pushes a small image, and wants signatures of it. @returns its name by digest. */
  async function push(repository: string, requirement: string): Promise<string> {
    const name = `${registry.host}/${repository}`;
    const layer = makeLayer([{ type: "file", path: "x", content: Buffer.from(repository) }]);
    writeFileSync(at("image.tar"), makeArchive(`${name}:1`, [layer]));
    const target = ["--dest-tls-verify=false", `oci-archive:${at("image.tar")}`, `docker://${name}:1`];
    await call("skopeo", "copy", "--quiet", "--insecure-policy", "--digestfile", at("digest"), ...target);
    writeFileSync(at("trust.toml"), `[[rule]]\nimage = "${registry.host}"\nrequire = [${requirement}]\n`);
    return `${name}@${(await Bun.file(at("digest")).text()).trim()}`;
  }

  describe.skipIf(needs("cosign", "openssl") !== undefined)("cosign", () => {
    const kinds = { p256: "EC", rsa: "RSA", ed25519: "ED25519" };
    for (const [kind, algorithm] of Object.entries(kinds)) {
      test(`${kind}: what either signs the other verifies, under the tag and as a bundle`, async () => {
        const curve = kind === "p256" ? ["-pkeyopt", "ec_paramgen_curve:P-256"] : [];
        await call("openssl", "genpkey", "-algorithm", algorithm, ...curve, "-out", at(`${kind}.pem`));
        await call("cosign", "import-key-pair", "--key", at(`${kind}.pem`), "--output-key-prefix", at(kind));
        const requirement = `{ key = "${kind}.pub" }`;
        const [key, insecure] = [at(`${kind}.key`), "--allow-insecure-registry"];
        // As versions 2 and 3 both understand it, without asking a log or a service.
        const sign = ["sign", "--key", key, "--tlog-upload=false", "--use-signing-config=false", insecure];

        const theirs = await push(`theirs-${kind}`, requirement);
        await call("cosign", ...sign, "--new-bundle-format=false", theirs);
        expect(await gantry("image", "trust", "check", theirs)).toContain("is signed by 1 (1 of 1 wanted)");
        const bundled = await push(`bundled-${kind}`, requirement);
        await call("cosign", ...sign, "--new-bundle-format", bundled);
        expect(await gantry("image", "trust", "check", bundled)).toContain("is signed by 1 (1 of 1 wanted)");

        const ours = await push(`ours-${kind}`, requirement);
        await gantry("image", "sign", "--key", key, "-a", "build=42", ours);
        const verify = ["verify", "--key", at(`${kind}.pub`), "--insecure-ignore-tlog", insecure];
        expect(await call("cosign", ...verify, "-a", "build=42", ours)).toContain('"optional":{"build":"42"}');
        // The two forms stand beside each other, and cosign adds to what gantry wrote.
        await gantry("image", "sign", "--key", key, "--format", "cosign-bundle", ours);
        await call("cosign", ...sign, "--new-bundle-format=false", "-a", "by=cosign", ours);
        const formats = await gantry(
          "image",
          "trust",
          ours,
          "--format",
          "{{range .Signatures}}{{.Format}}:{{.Counts}} {{end}}",
        );
        expect(formats.trim()).toBe("cosign:true cosign:true cosign-bundle:true");
        writeFileSync(at("root.json"), '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
        const asBundle = ["--new-bundle-format", "--trusted-root", at("root.json")];
        expect(await call("cosign", ...verify, ...asBundle, ours)).toContain("https://sigstore.dev/cosign/sign/v1");
      }, 120_000);
    }
  });

  describe.skipIf(needs("notation") !== undefined)("notation", () => {
    const requirement =
      '{ ca = "notation/truststore/x509/ca/acme", identities = ["x509.subject: C=US, ST=WA, O=acme.io"] }';

    for (const format of ["jws", "cose"]) {
      test(`what it signs in ${format} counts`, async () => {
        const image = await push(`by-notation-${format}`, requirement);
        await call("notation", "sign", "--signature-format", format, "--insecure-registry", "-m", "build=42", image);
        expect(await gantry("image", "trust", "check", image)).toContain("is signed by 1 (1 of 1 wanted)");
      }, 60_000);
    }

    test("it verifies what gantry signs, with what was said beside", async () => {
      const image = await push("by-gantry", requirement);
      const signing = ["--format", "notation", "--key", at("leaf.key"), "--certificate", at("leaf.crt")];
      await gantry("image", "sign", ...signing, "-a", "build=42", image);
      const said = await call("notation", "verify", "--insecure-registry", "-m", "build=42", image);
      expect(said).toContain("Successfully verified signature");
    }, 60_000);
  });

  test.skipIf(skopeoSkip !== undefined)(
    "skopeo copies what gantry signed under a policy that wants it, and nothing else",
    async () => {
      await call(
        "openssl",
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-out",
        at("copy.pem"),
      );
      await call("openssl", "pkey", "-in", at("copy.pem"), "-pubout", "-out", at("copy.pub"));
      const image = await push("copied", '{ key = "copy.pub" }');
      const wanted = { type: "sigstoreSigned", keyPath: at("copy.pub"), signedIdentity: { type: "matchRepository" } };
      const policy = { default: [{ type: "reject" }], transports: { docker: { [registry.host]: [wanted] } } };
      writeFileSync(at("policy.json"), JSON.stringify(policy));
      mkdirSync(at("registries.d"));
      writeFileSync(at("registries.d/all.yaml"), `docker:\n  ${registry.host}:\n    use-sigstore-attachments: true\n`);
      const copy = () =>
        call(
          "skopeo",
          "--policy",
          at("policy.json"),
          "--registries.d",
          at("registries.d"),
          "copy",
          "--src-tls-verify=false",
          `docker://${image}`,
          `dir:${at("copy")}`,
        );
      await expect(copy()).rejects.toThrow("signature");
      await gantry("image", "sign", "--key", at("copy.pem"), image);
      await copy();
    },
    60_000,
  );
});
