import { GantryError } from "../../errors/gantry-error.ts";
import { digestAlgorithm } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { type ManifestDocument, parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { familiarReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { readTagged, referrersTag } from "./referrers.ts";
import { readProblem } from "./registry-problem.ts";
import { pushScope, type RegistrySession } from "./registry-session.ts";
import { writeRefusal } from "./write-refusal.ts";

export interface PutManifestOptions {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly signal?: AbortSignal | undefined;
}

interface ManifestToPut extends PutManifestOptions {
  readonly reference: Reference;
}

/** As `RegistryClient.putManifest`. */
export async function putManifest(session: RegistrySession, toPut: ManifestToPut): Promise<Descriptor> {
  const { reference, bytes, mediaType, signal } = toPut;
  const { repository, digest: wanted } = reference;
  const digest = digestOf(bytes, wanted === undefined ? "sha256" : digestAlgorithm(wanted));
  if (wanted !== undefined && wanted !== digest) {
    throw new GantryError("data-loss", `cannot push ${familiarReference(reference)}: its bytes hash to ${digest}`);
  }
  const { response } = await session.request({
    method: "PUT",
    target: `${repository}/manifests/${wanted ?? withDefaultTag(reference).tag ?? ""}`,
    scope: pushScope(repository),
    headers: { "content-type": mediaType },
    body: bytes,
    signal,
  });
  const what = `the manifest of ${familiarReference(reference)}`;
  if (!response.ok) throw writeRefusal(what, await readProblem(response, { what, ...session.bodyOptions(signal) }));
  await response.body?.cancel();
  const stored = response.headers.get("docker-content-digest");
  // A registry may know it by another algorithm's digest; by the same algorithm it has to be the same.
  if (stored?.startsWith(`${digestAlgorithm(digest)}:`) && stored !== digest) {
    throw new GantryError("data-loss", `registry ${session.host} stored ${what} as ${stored} instead of ${digest}`);
  }
  const descriptor: Descriptor = { mediaType, digest, size: bytes.byteLength };
  if (response.headers.get("oci-subject") === null) await listReferrer(session, toPut, descriptor);
  return descriptor;
}

/** The registry did not take note of the subject: the list of its referrers is ours to keep (distribution-spec, "Pushing Manifests with Subject"). */
async function listReferrer(session: RegistrySession, toPut: ManifestToPut, descriptor: Descriptor): Promise<void> {
  const { reference, signal } = toPut;
  if (!Buffer.from(toPut.bytes.buffer, toPut.bytes.byteOffset, toPut.bytes.byteLength).includes('"subject"')) return;
  const document = parseManifest(toPut.bytes);
  const { subject, annotations } = document.kind === "index" ? document.index : document.manifest;
  if (subject === undefined) return;
  const known =
    (await readTagged(session, { repository: reference.repository, digest: subject.digest }, { signal })) ?? [];
  if (known.some(({ digest }) => digest === descriptor.digest)) return;
  const artifactType = artifactTypeOf(document);
  const entry: Descriptor = {
    ...descriptor,
    ...(artifactType === "" ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [...known, entry] };
  const { registry, repository } = reference;
  await putManifest(session, {
    reference: { registry, repository, tag: referrersTag(subject.digest) },
    bytes: new TextEncoder().encode(JSON.stringify(index)),
    mediaType: MEDIA_TYPES.ociIndex,
    signal,
  });
}

/** What a manifest says it is: its own word, else that of its config (image-spec, manifest.md). */
function artifactTypeOf(document: ManifestDocument): string {
  if (document.kind === "index") return document.index.artifactType ?? "";
  return document.manifest.artifactType ?? document.manifest.config.mediaType;
}
