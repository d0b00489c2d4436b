import type { State } from "../state/state.ts";
import type { Access } from "./access.ts";
import type { AuditSink } from "./audit.ts";

export interface OpenAccessOptions {
  /** `access.toml`; where there is none, everybody may do everything. */
  readonly path: string;
  /** Where the keys of tokens are kept, in a file of their own. */
  readonly folder: string;
  /** Holds refresh tokens; its clock is the one that counts. */
  readonly state: State;
  /** The registry's name: issuer and audience of its tokens, `service` in challenges. */
  readonly service: string;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Is told what an administrator should know, in one sentence. */
  readonly warn: (sentence: string) => void;
  /** Takes each decision. @default nothing is written */
  readonly audit?: AuditSink;
}

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
