import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { RepositoryName } from "../../distribution/repositories/repository-name.ts";
import type { RegistryExchange } from "./registry-exchange.ts";

type Asking = Pick<RegistryExchange, "access" | "identity" | "parts">;

/**
 * Asks whether quotas leave room for so many more bytes. Whoever is let store in a repository that is not there yet has made it.
 *
 * @throws RegistryError DENIED
 */
export function requireRoom({ access, identity, parts }: Asking, repository: RepositoryName, bytes: number): void {
  const decision = access.mayStore(identity, repository, { bytes, usage: parts.usage });
  if (decision.isAllowed) return;
  throw new RegistryError("DENIED", decision.reason, { hint: "delete something first, or ask for more room" });
}

/** How many bytes of a stream come between two questions: a question may go through all repositories. */
const ASK_EVERY_BYTES = 8 * 1024 * 1024;

/** Watches a body whose size is not known before. @returns what is called with the size that the blob has by then */
export function watchRoom(asking: Asking, repository: RepositoryName): (sizeBytes: number) => void {
  let askedBytes = 0;
  return (sizeBytes) => {
    if (sizeBytes < askedBytes) return;
    requireRoom(asking, repository, sizeBytes);
    askedBytes = sizeBytes + ASK_EVERY_BYTES;
  };
}
