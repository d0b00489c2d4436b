import { GantryError } from "../../errors/gantry-error.ts";
import { listRefusal } from "./list-refusal.ts";
import { nextPage } from "./next-page.ts";
import { readProblem } from "./registry-problem.ts";
import type { RegistrySession } from "./registry-session.ts";
import { readBodyWithin } from "./response-body.ts";

export interface PagedList {
  /** Below `/v2/`. */
  readonly target: string;
  readonly scope: string;
  /** Where the names are in each page. */
  readonly key: string;
  /** The list, for error messages. */
  readonly what: string;
}

const PAGE_BYTES_MAX = 16 * 1024 * 1024;
const PAGES_MAX = 10_000;

function readNames(bytes: Uint8Array, { key, what }: PagedList): readonly string[] {
  try {
    const names = (JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>)[key] ?? [];
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  } catch {
    // Told below.
  }
  throw new GantryError("data-loss", `invalid ${what}: it is no list of names`);
}

/**
 * The names of a list that comes in pages (distribution-spec, "Listing Tags"). Each page is asked for when it is needed.
 *
 * @throws `not-found`, `permission-denied`, `unavailable`; `data-loss` for a list that does not end.
 */
export async function* listPages(
  session: RegistrySession,
  list: PagedList,
  options: { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<string, void, undefined> {
  const seen = new Set<string>();
  let target: string | URL | undefined = list.target;
  while (target !== undefined) {
    const { response, url } = await session.request({ target, scope: list.scope, signal: options.signal });
    const body = { what: list.what, ...session.bodyOptions(options.signal) };
    if (!response.ok) {
      const problem = await readProblem(response, body);
      if (problem.status !== 404) throw listRefusal(list.what, problem);
      throw new GantryError("not-found", `cannot list the ${list.what}: ${problem.text}`);
    }
    seen.add(url.href);
    yield* readNames(await readBodyWithin(response, PAGE_BYTES_MAX, body), list);
    target = nextPage(response, url);
    if (target !== undefined && (seen.has(target.href) || seen.size >= PAGES_MAX)) {
      throw new GantryError("data-loss", `the ${list.what} does not end: its pages lead in a circle`);
    }
  }
}
