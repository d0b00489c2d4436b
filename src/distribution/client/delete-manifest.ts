import { GantryError } from "../../errors/gantry-error.ts";
import { familiarReference, type Reference } from "../../oci/reference.ts";
import { readProblem } from "./registry-problem.ts";
import { deleteScope, type RegistrySession } from "./registry-session.ts";
import { writeRefusal } from "./write-refusal.ts";

/** What registries say that delete by digest alone, or do not delete at all: docker-registry 400 or 405. */
const UNSUPPORTED: ReadonlySet<number> = new Set([400, 405, 501]);

/** As `RegistryClient.deleteManifest`. */
export async function deleteManifest(
  session: RegistrySession,
  reference: Reference,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { repository, tag, digest } = reference;
  const name = familiarReference(reference);
  const { response } = await session.request({
    method: "DELETE",
    target: `${repository}/manifests/${digest ?? tag ?? ""}`,
    scope: deleteScope(repository),
    signal,
  });
  if (response.ok) return void (await response.body?.cancel());
  const problem = await readProblem(response, { what: `deletion of ${name}`, ...session.bodyOptions(signal) });
  if (!UNSUPPORTED.has(response.status)) throw writeRefusal(name, problem, "delete");
  throw new GantryError("unsupported", `registry ${session.host} does not delete ${name}: ${problem.text}`, {
    hint:
      digest === undefined
        ? "it may delete digests alone (`gantry image ls-remote --digests` shows them): with each go all of its tags"
        : "deletion may be switched off there",
  });
}
