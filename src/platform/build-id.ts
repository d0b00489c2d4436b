import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Tells one build of the program from another: a hash over the names, sizes and times of its sources.
 * Two builds with the same id run the same code; the reverse need not hold.
 *
 * @param root the checkout.
 */
export function computeBuildId(root: string): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const folder of ["src", "dist/native"]) {
    const names = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort();
    for (const name of names) {
      const { size, mtimeMs } = statSync(join(root, folder, name));
      if (/\.test\.ts$/.test(name)) continue;
      hash.update(`${name}\0${size}\0${mtimeMs}\n`);
    }
  }
  return hash.digest("hex").slice(0, 12);
}

/** The id of the running build: built in when packaged, computed from the checkout otherwise. */
export function currentBuildId(): string {
  return process.env.GANTRY_BUILD_ID ?? computeBuildId(join(import.meta.dir, "..", ".."));
}
