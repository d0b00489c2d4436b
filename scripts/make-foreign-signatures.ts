/**
 * Makes test/support/foreign-signatures.json: signatures by cosign (2 and 3) and notation, as a registry without referrers holds them,
 * with what verifies them. Needs cosign, cosign3 and notation in the PATH, openssl, docker-registry and skopeo.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../test/support/command.ts";
import { makeArchive, makeLayer } from "../test/support/layers.ts";
import { startRegistry } from "../test/support/registry.ts";
import { testKeyPem, testPem } from "../test/support/test-certificates.ts";

interface Foreign {
  readonly reference: string;
  readonly digest: string;
  readonly size: number;
  /** A key's PEM, or a root certificate's. */
  readonly trusted: string;
  /** By tag and by digest. */
  readonly manifests: Record<string, string>;
  /** Text, or what is none in base64 after `base64:`. */
  readonly blobs: Record<string, string>;
}

const PASSWORD = "secret";
const directory = mkdtempSync(join(tmpdir(), "gantry-foreign-"));
using registry = await startRegistry();
const environment = { COSIGN_PASSWORD: PASSWORD, COSIGN_YES: "1", HOME: directory, XDG_CONFIG_HOME: directory };
const call = (...words: readonly string[]) =>
  run(["env", ...Object.entries(environment).map(([name, value]) => `${name}=${value}`), ...words]);
const inside = (name: string): string => join(directory, name);
const read = (name: string): string => readFileSync(inside(name), "utf8");

async function push(repository: string): Promise<{ name: string; digest: string; size: number }> {
  const name = `${registry.host}/${repository}`;
  const layer = makeLayer([{ type: "file", path: "x", content: Buffer.from("x") }]);
  writeFileSync(inside("image.tar"), makeArchive(`${name}:1`, [layer]));
  await call(
    "skopeo",
    "copy",
    "-q",
    "--insecure-policy",
    "--dest-tls-verify=false",
    `oci-archive:${inside("image.tar")}`,
    `docker://${name}:1`,
  );
  const response = await fetch(`http://${registry.host}/v2/${repository}/manifests/1`, {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  return {
    name,
    digest: response.headers.get("docker-content-digest") ?? "",
    size: (await response.arrayBuffer()).byteLength,
  };
}

function asText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  return Buffer.from(text).equals(bytes) ? text : `base64:${Buffer.from(bytes).toString("base64")}`;
}

/** All that stands beside an image. */
async function dump(repository: string, digest: string): Promise<Pick<Foreign, "manifests" | "blobs">> {
  const [manifests, blobs]: Record<string, string>[] = [{}, {}];
  const base = `http://${registry.host}/v2/${repository}`;
  const get = async (name: string): Promise<void> => {
    const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
    const response = await fetch(`${base}/manifests/${name}`, { headers: { accept } });
    if (!response.ok) return;
    const text = await response.text();
    if (manifests !== undefined) manifests[name] = text;
    const { manifests: entries = [], layers = [] } = JSON.parse(text) as {
      manifests?: { digest: string }[];
      layers?: { digest: string }[];
    };
    for (const entry of entries) await get(entry.digest);
    for (const layer of layers) {
      if (blobs !== undefined) {
        blobs[layer.digest] = asText(await (await fetch(`${base}/blobs/${layer.digest}`)).bytes());
      }
    }
  };
  const tag = digest.replace(":", "-");
  await get(`${tag}.sig`);
  await get(tag);
  return { manifests: manifests ?? {}, blobs: blobs ?? {} };
}

const made: Record<string, Foreign> = {};
async function record(
  title: string,
  repository: string,
  trusted: string,
  sign: (name: string) => Promise<unknown>,
): Promise<void> {
  const { name, digest, size } = await push(repository);
  await sign(`${name}@${digest}`);
  made[title] = { reference: `${name}:1`, digest, size, trusted, ...(await dump(repository, digest)) };
}

const KEYS = {
  ecdsa: ["EC", "ec_paramgen_curve:P-256"],
  p384: ["EC", "ec_paramgen_curve:P-384"],
  rsa: ["RSA", "rsa_keygen_bits:2048"],
  ed25519: ["ED25519"],
};
const COMMON = ["--tlog-upload=false", "--allow-insecure-registry"];
for (const [kind, [algorithm = "", parameter]] of Object.entries(KEYS)) {
  const options = parameter === undefined ? [] : ["-pkeyopt", parameter];
  await call("openssl", "genpkey", "-algorithm", algorithm, ...options, "-out", inside(`${kind}.pem`));
  await call("cosign", "import-key-pair", "--key", inside(`${kind}.pem`), "--output-key-prefix", inside(kind));
  const key = ["--key", inside(`${kind}.key`), ...COMMON];
  await record(`cosign 2, ${kind}`, `two-${kind}`, read(`${kind}.pub`), (image) =>
    call("cosign", "sign", ...key, "-a", "build=42", image),
  );
  await record(`cosign 3, ${kind}, bundle`, `three-${kind}`, read(`${kind}.pub`), (image) =>
    call("cosign3", "sign", ...key, "--use-signing-config=false", "-a", "build=42", image),
  );
}
await record("cosign 2, by referrers", "referrers", read("ecdsa.pub"), (image) =>
  call(
    "env",
    "COSIGN_EXPERIMENTAL=1",
    "cosign",
    "sign",
    "--key",
    inside("ecdsa.key"),
    ...COMMON,
    "--registry-referrers-mode=oci-1-1",
    "-a",
    "build=42",
    image,
  ),
);
for (const [title, leaf, format] of [
  ["notation, ecdsa", "leaf-p384", "jws"],
  ["notation, rsa", "leaf-rsa2048", "jws"],
  ["notation, ecdsa, COSE", "leaf", "cose"],
  ["notation, rsa, COSE", "leaf-rsa3072", "cose"],
] as const) {
  mkdirSync(inside("notation"), { recursive: true });
  writeFileSync(inside("leaf.key"), testKeyPem(leaf));
  writeFileSync(inside("leaf.crt"), testPem(leaf) + (leaf === "leaf" ? testPem("intermediate") : "") + testPem("root"));
  const key = { name: "leaf", keyPath: inside("leaf.key"), certPath: inside("leaf.crt") };
  writeFileSync(inside("notation/signingkeys.json"), JSON.stringify({ default: "leaf", keys: [key] }));
  await record(title, leaf, testPem("root"), (image) =>
    call("notation", "sign", "--signature-format", format, "--insecure-registry", "-m", "build=42", image),
  );
}
const keys = Object.fromEntries(
  Object.keys(KEYS).map((kind) => [kind, { private: read(`${kind}.key`), public: read(`${kind}.pub`) }]),
);
rmSync(directory, { recursive: true });
const target = new URL("../test/support/foreign-signatures.json", import.meta.url);
writeFileSync(target, `${JSON.stringify({ password: PASSWORD, keys, made }, undefined, 1)}\n`);
