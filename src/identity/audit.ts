import type { Identity } from "./identity.ts";

/** What was decided about whom. */
export interface AuditRecord {
  readonly who: Pick<Identity, "name" | "method" | "address">;
  /** `authenticate`, `refresh`, `catalog`, `store`, or what was to be done with a repository. */
  readonly action: string;
  readonly repository?: string;
  /** It was asked for a token that is to allow it, not done yet. @default false */
  readonly isForToken?: boolean;
  readonly isAllowed: boolean;
  readonly reason: string;
}

/** Takes one line of JSON for each decision, without its newline. */
export type AuditSink = (line: string) => void;

const TEXT_LENGTH_MAX = 512;

function clip(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX)}…`;
}

/**
 * A decision as one line of JSON. It holds names and reasons, never a password, a token or a header; texts from outside are cut to
 * 512 characters, and JSON keeps them on the line.
 */
export function formatAuditRecord(record: AuditRecord, nowMs: number): string {
  const { who, action, repository, isAllowed, reason } = record;
  return JSON.stringify({
    time: new Date(nowMs).toISOString(),
    user: who.name === undefined ? null : clip(who.name),
    address: clip(who.address),
    method: who.method,
    action,
    ...(repository === undefined ? {} : { repository: clip(repository) }),
    ...(record.isForToken === true ? { token: true } : {}),
    allowed: isAllowed,
    reason: clip(reason),
  });
}
