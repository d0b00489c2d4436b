import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryCertificates } from "../../src/distribution/client/http-exchange.ts";
import { RegistryClient } from "../../src/distribution/client/registry-client.ts";
import { formatError } from "../../src/errors/gantry-error.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { MEDIA_TYPES } from "../../src/oci/media-types.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { run, skipReason } from "../support/command.ts";

const skip = skipReason({ programs: ["openssl"] });
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("a registry with a certificate that nobody vouches for", () => {
  let directory: string;
  let servers: readonly Server[] = [];
  let host: string;
  /** Of the one that wants to see a certificate. */
  let curiousHost: string;
  const paths: string[] = [];
  let made = { key: "", certificate: "" };

  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf("config"), size: 6 };
  const manifest = JSON.stringify({ schemaVersion: 2, config, layers: [] });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "gantry-tls-"));
    const [key, certificate] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
    const how = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=IP:127.0.0.1",
    ];
    await run(["openssl", "req", "-x509", ...how, "-keyout", key, "-out", certificate]);
    made = { key: readFileSync(key, "utf8"), certificate: readFileSync(certificate, "utf8") };
    const options = { key: made.key, cert: made.certificate };
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      paths.push(request.url ?? "");
      response.setHeader("content-type", MEDIA_TYPES.ociManifest);
      response.end(manifest);
    };
    const known = { ca: made.certificate, requestCert: true, rejectUnauthorized: true };
    servers = [createServer(options, answer), createServer({ ...options, ...known }, answer)];
    for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    [host = "", curiousHost = ""] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  });

  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(directory, { recursive: true, force: true });
  });

  const resolve = (isInsecure: boolean, certificates?: RegistryCertificates, at = host) =>
    new RegistryClient({ host: at, isInsecure, certificates, now: () => 0, retryDelaysMs: [] }).resolve(
      parseReference(`${at}/app:1`),
    );

  test("is not trusted, and one sentence says what to do", async () => {
    const failure = await resolve(false).then(() => "no failure", formatError);
    expect(failure).toBe(
      `cannot reach registry ${host}: its certificate is self-signed (give it a certificate that this host trusts, ` +
        "or set `insecure = true` for it in registries.toml)",
    );
    expect(paths).toEqual([]);
  });

  test("is taken by HTTPS where it is listed as insecure", async () => {
    expect((await resolve(true)).descriptor.digest).toBe(digestOf(manifest));
    expect(paths).toEqual(["/v2/", "/v2/app/manifests/1"]);
  });

  test("is trusted with its authority from certs.d, and is shown the client's certificate", async () => {
    const { key, certificate } = made;
    const authorities = [certificate];
    expect((await resolve(false, { authorities })).descriptor.digest).toBe(digestOf(manifest));
    await expect(resolve(false, { authorities }, curiousHost)).rejects.toMatchObject({ code: "unavailable" });
    const shown = await resolve(false, { authorities, client: { certificate, key } }, curiousHost);
    expect(shown.descriptor.digest).toBe(digestOf(manifest));
  });
});
