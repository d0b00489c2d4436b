import type { Repositories } from "../../distribution/repositories/repositories.ts";

/** One request, read as far as all routes need. */
export interface RegistryExchange {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** What the door translates to. */
  readonly parts: Repositories;
}
