import type { RepositoryName } from "../../distribution/repositories/repository-name.ts";
import type { RepositoryAction } from "../../identity/index.ts";
import type { RegistryRoute } from "./registry-route.ts";

/** What a request needs a right for. */
export type RequiredScope =
  | "entry"
  | "catalog"
  | { readonly repository: RepositoryName; readonly action: RepositoryAction };

/** The one place that says which right each request needs. */
export function requiredScope(route: RegistryRoute, method: string): RequiredScope {
  switch (route.kind) {
    case "base":
      return "entry";
    case "catalog":
      return "catalog";
    case "uploads":
    case "upload":
      return { repository: route.repository, action: "push" };
    case "tags":
    case "referrers":
      return { repository: route.repository, action: "pull" };
    case "manifest":
    case "blob":
      return { repository: route.repository, action: METHOD_ACTIONS[method] ?? "pull" };
  }
}

const METHOD_ACTIONS: Readonly<Record<string, RepositoryAction>> = { PUT: "push", DELETE: "delete" };
