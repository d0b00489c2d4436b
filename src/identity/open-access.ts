import type { Access, OpenAccessOptions } from "./access.ts";

/**
 * Opens a registry's access rules.
 *
 * @throws `invalid-argument` naming everything that is wrong with the file, `data-loss` if the file of keys is damaged.
 */
export async function openAccess(options: OpenAccessOptions): Promise<Access> {
  // Parsing TOML and signing tokens take a while to load: a daemon that serves no registry does not pay for it.
  const { RegistryAccess } = await import("./registry-access.ts");
  return await RegistryAccess.open(options);
}
