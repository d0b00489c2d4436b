import { GantryError } from "../errors/gantry-error.ts";
import { type Image, shortId } from "./image.ts";

/** A container that was made from an image. */
export interface ImageUser {
  readonly id: string;
  readonly isRunning: boolean;
}

export interface RemovalRequest {
  readonly image: Image;
  /** The reference that was asked for, spelled out; `undefined` if it was by id. */
  readonly reference: string | undefined;
  /** All names of the image, spelled out. */
  readonly names: readonly string[];
  readonly users: readonly ImageUser[];
  readonly force: boolean;
}

export interface RemovalPlan {
  /** Names to drop, spelled out. */
  readonly untag: readonly string[];
  /** Whether the image goes with them. */
  readonly deletesImage: boolean;
}

/** `repository` of a name that ends in a tag or a digest. */
function repositoryOf(name: string): string {
  const at = name.indexOf("@");
  return at < 0 ? name.replace(/:[^/:]+$/, "") : name.slice(0, at).replace(/:[^/:]+$/, "");
}

/** One tag, and nothing else but digests of the same repository. */
function isSingleReference(names: readonly string[]): boolean {
  const tags = names.filter((name) => !name.includes("@"));
  return tags.length <= 1 && new Set(names.map(repositoryOf)).size <= 1;
}

function conflict(what: string): GantryError {
  return new GantryError("conflict", `conflict: ${what}`);
}

/**
 * What `rmi` does, by Docker's rules: one of several names is only taken away; the last one takes the image with it, unless a
 * container uses it; by id, all names go if they are of one repository or with force.
 *
 * @throws `conflict` in Docker's words.
 */
export function planRemoval(request: RemovalRequest): RemovalPlan {
  const { image, reference, names, users, force } = request;
  const id = shortId(image.id);
  const user = users.find((candidate) => candidate.isRunning) ?? users[0];
  if (reference !== undefined) {
    if (!force && user !== undefined && isSingleReference(names)) {
      throw conflict(
        `unable to remove repository reference "${familiar(reference)}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${id}`,
      );
    }
    const rest = names.filter((name) => name !== reference);
    const repository = repositoryOf(reference);
    const isLastTagThere = !rest.some((name) => repositoryOf(name) === repository && !name.includes("@"));
    const digests =
      isLastTagThere && !reference.includes("@") ? rest.filter((name) => repositoryOf(name) === repository) : [];
    const untag = [reference, ...digests];
    const isLast = names.every((name) => untag.includes(name));
    return { untag, deletesImage: isLast && user === undefined };
  }
  if (!force && !isSingleReference(names)) {
    throw conflict(`unable to delete ${id} (must be forced) - image is referenced in multiple repositories`);
  }
  if (user?.isRunning === true) {
    throw conflict(
      `unable to delete ${id} (cannot be forced) - image is being used by running container ${user.id.slice(0, 12)}`,
    );
  }
  if (user !== undefined && !force) {
    throw conflict(
      `unable to delete ${id} (must be forced) - image is being used by stopped container ${user.id.slice(0, 12)}`,
    );
  }
  return { untag: names, deletesImage: true };
}

function familiar(reference: string): string {
  return reference.replace(/^docker\.io\/(?:library\/)?/, "");
}
