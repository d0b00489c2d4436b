import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { type Digest, digestAlgorithm, digestHex } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MANIFEST_BYTES_MAX, parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { listRefusal } from "./list-refusal.ts";
import { nextPage } from "./next-page.ts";
import { readProblem } from "./registry-problem.ts";
import { pullScope, type RegistrySession } from "./registry-session.ts";
import { readBodyWithin } from "./response-body.ts";

export interface ReferrersOptions {
  /** Only those of this kind. @default all */
  readonly artifactType?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface ReferrersSubject {
  readonly repository: string;
  readonly digest: Digest;
}

const PAGES_MAX = 1000;
/** Of all pages together: more is no list that anybody reads. */
const REFERRERS_MAX = 50_000;

/** The tag that lists the referrers of a digest where the registry does not (distribution-spec, "Referrers Tag Schema"). */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`;
}

async function readIndex(
  response: Response,
  what: string,
  options: { stallTimeoutMs: number; signal?: AbortSignal | undefined },
) {
  const bytes = await readBodyWithin(response, MANIFEST_BYTES_MAX, { what, ...options });
  const document = parseManifest(bytes);
  if (document.kind === "index") return document.index.manifests;
  throw new GantryError("data-loss", `invalid ${what}: it is no index`);
}

/** As `RegistryClient.referrers`. */
export async function readReferrers(
  session: RegistrySession,
  subject: ReferrersSubject,
  options: ReferrersOptions,
): Promise<readonly Descriptor[]> {
  const { artifactType } = options;
  const listed = (await readList(session, subject, options)) ?? (await readTagged(session, subject, options)) ?? [];
  // A registry need not filter, and says if it did; to filter once more costs nothing.
  return artifactType === undefined ? listed : listed.filter((entry) => entry.artifactType === artifactType);
}

/** From the registry's own list; undefined if it has none. */
async function readList(
  session: RegistrySession,
  { repository, digest }: ReferrersSubject,
  { artifactType, signal }: ReferrersOptions,
): Promise<readonly Descriptor[] | undefined> {
  const what = `referrers of ${digest} from ${session.host}`;
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const found: Descriptor[] = [];
  const seen = new Set<string>();
  let target: string | URL | undefined = `${repository}/referrers/${digest}${query}`;
  while (target !== undefined) {
    const headers = { accept: MEDIA_TYPES.ociIndex };
    const { response, url } = await session.request({ target, scope: pullScope(repository), headers, signal });
    const body = session.bodyOptions(signal);
    if (!response.ok) {
      // 404 means "no such API" (distribution-spec); older registries say so in other ways.
      const problem = await readProblem(response, { what, ...body });
      if ([400, 404, 405, 501].includes(problem.status) && seen.size === 0) return undefined;
      throw listRefusal(what, problem);
    }
    seen.add(url.href);
    for (const descriptor of await readIndex(response, what, body)) found.push(descriptor);
    if (found.length > REFERRERS_MAX) {
      throw new GantryError("data-loss", `the list of ${what} is longer than ${REFERRERS_MAX} entries`);
    }
    target = nextPage(response, url);
    if (target !== undefined && (seen.has(target.href) || seen.size >= PAGES_MAX)) {
      throw new GantryError("data-loss", `the list of ${what} does not end: its pages lead in a circle`);
    }
  }
  return found;
}

/** From the index that the tag schema keeps; undefined if there is none. */
export async function readTagged(
  session: RegistrySession,
  { repository, digest }: ReferrersSubject,
  { signal }: Pick<ReferrersOptions, "signal">,
): Promise<readonly Descriptor[] | undefined> {
  const what = `referrers of ${digest} from ${session.host}`;
  const { response } = await session.request({
    target: `${repository}/manifests/${referrersTag(digest)}`,
    scope: pullScope(repository),
    headers: { accept: MEDIA_TYPES.ociIndex },
    signal,
  });
  const body = session.bodyOptions(signal);
  if (response.ok) {
    return await readIndex(response, what, body).catch((error) => {
      // A tag of that form which is something else is somebody's own.
      if (isGantryError(error, "data-loss")) return undefined;
      throw error;
    });
  }
  const problem = await readProblem(response, { what, ...body });
  if (problem.status === 404) return undefined;
  throw listRefusal(what, problem);
}
