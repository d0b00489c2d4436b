import type { Exchange } from "./exchange.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** One call of the API. */
export interface Route {
  readonly method: Method;
  /** Segments in braces are parameters: `{id}` one segment, `{name*}` one or more (names of images have slashes). */
  readonly path: string;
  readonly handle: (exchange: Exchange) => Promise<void> | void;
  /** May take the connection over as a two-way stream. */
  readonly isHijackable?: boolean;
}

export interface RouteMatch {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Finds the route of a request. The first that fits in the order of the table wins. */
export class Router {
  readonly #routes: readonly { readonly route: Route; readonly pattern: RegExp }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, pattern: compile(route.path) }));
  }

  /** `path` is still encoded, without version and query. Undefined: there is no such page. */
  find(method: string, path: string): RouteMatch | undefined {
    for (const { route, pattern } of this.#routes) {
      if (route.method !== method) continue;
      const match = pattern.exec(path);
      if (match === null) continue;
      const parameters: Record<string, string> = Object.create(null);
      try {
        for (const [name, value] of Object.entries(match.groups ?? {})) parameters[name] = decodeURIComponent(value);
      } catch {
        return undefined; // A broken percent sign names nothing.
      }
      return { route, parameters };
    }
    return undefined;
  }
}

function compile(path: string): RegExp {
  const pattern = path
    .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replace(/\{(\w+)\\\*\}/g, "(?<$1>.+)")
    .replace(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return new RegExp(`^${pattern}$`, "s");
}
