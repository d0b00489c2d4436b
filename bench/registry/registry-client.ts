import { findProgram } from "../../test/support/command.ts";
import { type LoadBody, LoadConnection, type LoadRequest, type LoadResponse, pieceOf } from "./load-connection.ts";

export const REPOSITORY = "bench/load";

/** A blob to push, hashed before its time is taken. */
export interface LoadBlob {
  readonly body: LoadBody;
  readonly digest: string;
}

export function hashBody(body: LoadBody): LoadBlob {
  const hash = new Bun.CryptoHasher("sha256");
  for (let offset = 0; offset < body.sizeBytes; ) {
    const piece = pieceOf(body, offset);
    hash.update(piece);
    offset += piece.byteLength;
  }
  return { body, digest: `sha256:${hash.digest("hex")}` };
}

async function ask(connection: LoadConnection, status: number, request: LoadRequest): Promise<LoadResponse> {
  const response = await connection.request(request);
  if (response.status === status) return response;
  throw new Error(`${request.method} ${request.target.slice(0, 150)}: ${response.status} instead of ${status}`);
}

/** As containerd and zb push: a session, then all bytes in one request. */
export async function pushBlob(connection: LoadConnection, { body, digest }: LoadBlob): Promise<void> {
  const begun = await ask(connection, 202, { method: "POST", target: `/v2/${REPOSITORY}/blobs/uploads/` });
  const location = /\r\nlocation: *(\S+)/i.exec(begun.head)?.[1] ?? "";
  const target = `${location}${location.includes("?") ? "&" : "?"}digest=${digest}`;
  await ask(connection, 201, { method: "PUT", target, headers: { "content-type": "application/octet-stream" }, body });
}

export async function pullBlob(connection: LoadConnection, { body, digest }: LoadBlob): Promise<void> {
  const { sizeBytes } = await ask(connection, 200, { method: "GET", target: `/v2/${REPOSITORY}/blobs/${digest}` });
  if (sizeBytes !== body.sizeBytes) throw new Error(`${digest}: ${sizeBytes} bytes came of ${body.sizeBytes}`);
}

/**
 * Pulls by curl: one connection that is read in our own event loop costs more than the registries that send by the kernel, and would be what is measured.
 *
 * @returns milliseconds, without the program's start
 */
export async function pullByCurl(host: string, { body, digest }: LoadBlob): Promise<number> {
  const curl = findProgram("curl");
  if (curl === undefined) throw new Error("curl is not installed: it pulls the blob of 1 GB");
  const url = `http://${host}/v2/${REPOSITORY}/blobs/${digest}`;
  const format = "%{http_code} %{size_download} %{time_total}";
  const child = Bun.spawn([curl, "-s", "-o", "/dev/null", "-w", format, url], { stdio: ["ignore", "pipe", "inherit"] });
  const [status, sizeBytes, seconds] = (await new Response(child.stdout).text()).split(" ").map(Number);
  if (status === 200 && sizeBytes === body.sizeBytes && seconds !== undefined) return seconds * 1000;
  throw new Error(`${digest}: ${status}, ${sizeBytes} bytes came of ${body.sizeBytes}`);
}

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

/** Pushes an image of that one layer, which is its configuration too. */
export async function pushImage(connection: LoadConnection, blob: LoadBlob, tag: string): Promise<void> {
  await pushBlob(connection, blob);
  const descriptor = { digest: blob.digest, size: blob.body.sizeBytes };
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...descriptor },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...descriptor }],
    }),
  );
  await ask(connection, 201, {
    method: "PUT",
    target: `/v2/${REPOSITORY}/manifests/${tag}`,
    headers: { "content-type": MANIFEST_TYPE },
    body: { sizeBytes: manifest.byteLength, head: manifest, filler: manifest },
  });
}

export async function getManifest(connection: LoadConnection, tag: string): Promise<void> {
  const headers = { accept: MANIFEST_TYPE };
  await ask(connection, 200, { method: "GET", target: `/v2/${REPOSITORY}/manifests/${tag}`, headers });
}

/** Gives each of so many clients, with a connection of its own, the next job as soon as it is done with one. */
export async function shareJobs<T>(
  host: string,
  jobs: readonly T[],
  options: { readonly clients: number; readonly run: (connection: LoadConnection, job: T) => Promise<void> },
): Promise<void> {
  const left = jobs.values();
  const clients = Array.from({ length: Math.min(options.clients, jobs.length) }, async () => {
    using connection = await LoadConnection.open(host);
    for (const job of left) await options.run(connection, job);
  });
  await Promise.all(clients);
}
