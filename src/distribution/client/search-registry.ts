import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_REGISTRY } from "../../oci/reference.ts";
import type { RegistryClient } from "./registry-client.ts";

/** A repository that was found. */
export interface FoundRepository {
  /** As `pull` takes it. */
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

export interface SearchRegistryOptions {
  /** At most so many. @default 25 */
  readonly limit?: number;
  readonly signal?: AbortSignal | undefined;
}

const LIMIT_DEFAULT = 25;
const TEXT_LENGTH_MAX = 1000;

function toText(value: unknown): string {
  return typeof value === "string"
    ? value
        .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
        .trim()
        .slice(0, TEXT_LENGTH_MAX)
    : "";
}

/**
 * Reads what the search of registries answers (Docker's registry API, version 1). Total: what is no repository is left out.
 *
 * @throws `data-loss` if it is no such answer.
 */
export function parseSearchAnswer(document: unknown, host: string): readonly FoundRepository[] {
  const { results } = (document ?? {}) as { readonly results?: unknown };
  if (!Array.isArray(results)) throw new GantryError("data-loss", `registry ${host} gave no list of what it found`);
  return results.flatMap((item: unknown) => {
    const result = (item ?? {}) as Readonly<Record<string, unknown>>;
    const name = toText(result.name);
    if (!/^[a-z0-9][a-z0-9._/-]*$/.test(name)) return [];
    return [
      {
        name: host === DEFAULT_REGISTRY ? name : `${host}/${name}`,
        description: toText(result.description),
        stars: typeof result.star_count === "number" ? result.star_count : 0,
        isOfficial: result.is_official === true,
        isAutomated: result.is_automated === true,
      },
    ];
  });
}

/**
 * Searches a registry. One that has no search is asked for its catalogue, of which those names are taken that hold the term; their
 * description says so.
 *
 * @throws `unsupported` if it has neither; `permission-denied`, `unavailable`.
 */
export async function searchRegistry(
  client: RegistryClient,
  term: string,
  options: SearchRegistryOptions = {},
): Promise<readonly FoundRepository[]> {
  const limit = options.limit ?? LIMIT_DEFAULT;
  const answer = await client.search(term, { ...options, limit });
  if (answer !== undefined) return parseSearchAnswer(answer, client.host).slice(0, limit);
  return await searchCatalogue(client, term, { ...options, limit });
}

async function searchCatalogue(
  client: RegistryClient,
  term: string,
  { limit, signal }: SearchRegistryOptions & { readonly limit: number },
): Promise<readonly FoundRepository[]> {
  const found: FoundRepository[] = [];
  const description = `(from the catalogue of ${client.host}, which has no search)`;
  try {
    for await (const name of client.repositories({ signal })) {
      if (!name.includes(term)) continue;
      found.push({ name: `${client.host}/${name}`, description, stars: 0, isOfficial: false, isAutomated: false });
      if (found.length >= limit) break;
    }
  } catch (error) {
    if (!isGantryError(error, "not-found")) throw error;
    throw new GantryError(
      "unsupported",
      `registry ${client.host} can neither be searched nor does it list what it has`,
    );
  }
  return found;
}
