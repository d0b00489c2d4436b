/**
 * Makes test/support/test-certificates.json: the certificates, good and bad, that the tests of signatures use. They hold for a
 * thousand years. Needs openssl.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Wanted {
  readonly subject?: string;
  /** Of openssl's `genpkey`. @default P-256 */
  readonly key?: readonly string[];
  /** The name of another one of these; left out: self-signed. */
  readonly issuer?: string;
  readonly extensions: readonly string[];
  readonly hash?: string;
  /** As openssl's `-not_after`. */
  readonly days?: number;
}

const EC = (curve: string) => ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${curve}`];
const RSA = (bits: number) => ["-algorithm", "RSA", "-pkeyopt", `rsa_keygen_bits:${bits}`];
const AUTHORITY = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
const LEAF = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=codeSigning"];
const ROOT = "/C=US/ST=WA/O=acme.io/CN=acme root";

const CERTIFICATES: Readonly<Record<string, Wanted>> = {
  root: { subject: ROOT, extensions: AUTHORITY },
  "root-of-same-name": { subject: ROOT, extensions: AUTHORITY },
  intermediate: {
    issuer: "root",
    extensions: ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign"],
  },
  leaf: { issuer: "intermediate", extensions: LEAF },
  "leaf-p384": { issuer: "root", key: EC("P-384"), extensions: LEAF },
  "leaf-p521": { issuer: "root", key: EC("P-521"), extensions: LEAF },
  "leaf-rsa2048": { issuer: "root", key: RSA(2048), extensions: LEAF },
  "leaf-rsa3072": { issuer: "root", key: RSA(3072), extensions: LEAF },
  "leaf-rsa1024": { issuer: "root", key: RSA(1024), extensions: LEAF },
  "leaf-expired": { issuer: "root", extensions: LEAF, days: 1 },
  "leaf-ca": {
    issuer: "root",
    extensions: ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,digitalSignature"],
  },
  "leaf-no-usage": { issuer: "root", extensions: ["extendedKeyUsage=codeSigning"] },
  "leaf-usage-not-critical": { issuer: "root", extensions: ["keyUsage=digitalSignature"] },
  "leaf-encipherment": { issuer: "root", extensions: ["keyUsage=critical,digitalSignature,keyEncipherment"] },
  "leaf-tls": { issuer: "root", extensions: ["keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth"] },
  "leaf-sha1": { issuer: "root", extensions: LEAF, hash: "sha1" },
  "leaf-two-units": { issuer: "root", subject: "/C=US/ST=WA/O=acme.io/OU=a/OU=b", extensions: LEAF },
  "not-an-authority": {
    issuer: "root",
    extensions: ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature"],
  },
  "leaf-of-no-authority": { issuer: "not-an-authority", extensions: LEAF },
  "authority-too-deep": { issuer: "intermediate", extensions: AUTHORITY },
  "leaf-too-deep": { issuer: "authority-too-deep", extensions: LEAF },
  "self-signed": { extensions: LEAF },
};

const directory = mkdtempSync(join(tmpdir(), "gantry-certificates-"));
const openssl = (...words: readonly string[]): void => {
  execFileSync("openssl", words, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
};

const made: Record<string, { readonly certificate: string; readonly key: string }> = {};
for (const [name, { subject, key, issuer, extensions, hash, days }] of Object.entries(CERTIFICATES)) {
  openssl("genpkey", ...(key ?? EC("P-256")), "-out", `${name}.key`);
  openssl(
    "req",
    "-new",
    "-key",
    `${name}.key`,
    "-subj",
    subject ?? `/C=US/ST=WA/O=acme.io/CN=${name}`,
    "-out",
    `${name}.csr`,
  );
  writeFileSync(join(directory, `${name}.cnf`), ["[x]", ...extensions, ""].join("\n"));
  const signer =
    issuer === undefined ? ["-signkey", `${name}.key`] : ["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`];
  openssl(
    ...["x509", "-req", "-in", `${name}.csr`, ...signer, `-${hash ?? "sha256"}`, "-days", String(days ?? 365_000)],
    ...["-set_serial", String(Object.keys(made).length + 1), "-extfile", `${name}.cnf`, "-extensions", "x"],
    ...["-out", `${name}.pem`],
  );
  const read = (file: string): string => readFileSync(join(directory, file), "utf8");
  made[name] = { certificate: read(`${name}.pem`), key: read(`${name}.key`) };
}
rmSync(directory, { recursive: true });
const target = new URL("../test/support/test-certificates.json", import.meta.url);
writeFileSync(target, `${JSON.stringify(made, undefined, 1)}\n`);
