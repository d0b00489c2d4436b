import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  let server: Server;
  let host: string;
  const paths: string[] = [];

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
    ];
    await run(["openssl", "req", "-x509", ...how, "-keyout", key, "-out", certificate]);
    server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
      paths.push(request.url ?? "");
      response.setHeader("content-type", MEDIA_TYPES.ociManifest);
      response.end(manifest);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const resolve = (isInsecure: boolean) =>
    new RegistryClient({ host, isInsecure, now: () => 0, retryDelaysMs: [] }).resolve(parseReference(`${host}/app:1`));

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
});
