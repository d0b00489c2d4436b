import { GantryError } from "../../errors/gantry-error.ts";
import type { User } from "../../oci/runtime-spec.ts";

export interface ResolvedUser {
  readonly user: User;
  readonly home: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const LARGEST_ID = 2 ** 31 - 1;
const MAX_GROUPS = 65536;

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

/** Reads passwd(5); lines that are none are skipped, as the C library does. */
export function parsePasswd(text: string): readonly PasswdEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uidText, gidText, , home = ""] = line.split(":");
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name === "" || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

/** Reads group(5); lines that are none are skipped, as the C library does. */
export function parseGroup(text: string): readonly GroupEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", , gidText, members = ""] = line.split(":");
    const gid = parseId(gidText);
    if (name === "" || gid === undefined) return [];
    return [
      {
        name,
        gid,
        members: members
          .trim()
          .split(",")
          .filter((member) => member !== ""),
      },
    ];
  });
}

/**
 * Turns `user[:group]` into numbers the way Docker does (moby/sys/user, GetExecUser): names by the image's own files; a number
 * need not be in them, and is never taken for a name (CVE-2016-3697); without a group the user's own and those that list him as a member.
 *
 * @param options.passwd text of the image's /etc/passwd, empty if there is none.
 * @param options.group text of its /etc/group.
 * @param options.groups further groups, by name or number.
 * @throws `invalid-argument` for a name that is not there.
 */
export function resolveUser(
  text: string,
  options: { readonly passwd: string; readonly group: string; readonly groups?: readonly string[] },
): ResolvedUser {
  const passwd = parsePasswd(options.passwd);
  const groups = parseGroup(options.group);
  const [userText = "", groupText = ""] = splitOnce(text);
  const number = userText === "" ? 0 : parseId(userText);
  const entry =
    userText === ""
      ? passwd.find((one) => one.uid === 0)
      : passwd.find((one) => (isNumber(userText) ? one.uid === number : one.name === userText));
  if (isNumber(userText) && number === undefined) throw outOfRange();
  if (entry === undefined && number === undefined)
    throw new GantryError("invalid-argument", `unable to find user ${userText}: no matching entries in passwd file`);
  const uid = entry?.uid ?? number ?? 0;
  const memberOf =
    entry === undefined ? [] : groups.filter((one) => one.members.includes(entry.name)).map((one) => one.gid);
  const gid = groupText === "" ? (entry?.gid ?? 0) : groupId(groupText, groups);
  const further = (options.groups ?? []).map((group) => groupId(group, groups));
  const additionalGids = [...new Set([gid, ...(groupText === "" ? memberOf : []), ...further])];
  if (additionalGids.length > MAX_GROUPS)
    throw new GantryError("invalid-argument", `user ${text} is in too many groups`);
  return { user: { uid, gid, additionalGids }, home: entry?.home || "/" };
}

function splitOnce(text: string): string[] {
  const colon = text.indexOf(":");
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

function groupId(text: string, groups: readonly GroupEntry[]): number {
  const id = isNumber(text) ? parseId(text) : groups.find((one) => one.name === text)?.gid;
  if (id !== undefined) return id;
  if (isNumber(text)) throw outOfRange();
  throw new GantryError("invalid-argument", `unable to find group ${text}: no matching entries in group file`);
}

function isNumber(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

function outOfRange(): GantryError {
  return new GantryError("invalid-argument", `uids and gids must be in range 0-${LARGEST_ID}`);
}
