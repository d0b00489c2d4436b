import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { fileReason } from "../../platform/file-reason.ts";
import { readRegularFile } from "../../platform/text-file.ts";
import type { RegistryLogin } from "../client/registry-connections.ts";
import type { UpstreamRule } from "./upstream-rule.ts";

/**
 * What another registry is logged in to with; its password is read anew each time, since files are replaced while a registry runs.
 *
 * @returns undefined where the rule names none.
 * @throws `unavailable` if the password cannot be read
 */
export function readUpstreamLogin({ registry, login }: UpstreamRule): RegistryLogin | undefined {
  if (login === undefined) return undefined;
  const { username, passwordFile } = login;
  try {
    const password = readRegularFile(passwordFile).trimEnd();
    return { host: registry, credentials: { kind: "password", username, password } };
  } catch (cause) {
    const why = fileReason(cause) ?? formatError(cause);
    throw new GantryError("unavailable", `cannot read the password of ${registry} in ${passwordFile}: ${why}`);
  }
}

/** What hinders logging in, each with its place in `registry.toml`: before the first client asks for a copy. */
export function findLoginProblems(rules: readonly UpstreamRule[]): readonly string[] {
  return rules.flatMap((rule, index) => {
    try {
      readUpstreamLogin(rule);
      return [];
    } catch (error) {
      return [`upstream[${index}].password-file: ${formatError(error)}`];
    }
  });
}
