import { GantryError } from "../../errors/gantry-error.ts";

/** `user:role:type:level`; the level may hold colons. */
export interface SelinuxLabel {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

/** @throws `invalid-argument` */
export function parseSelinuxLabel(text: string): SelinuxLabel {
  const [user = "", role = "", type = "", ...level] = text.split(":");
  if (user === "" || role === "" || type === "" || level.length === 0)
    throw new GantryError("invalid-argument", `not a label of SELinux: ${JSON.stringify(text)}`);
  return { user, role, type, level: level.join(":") };
}

export function formatSelinuxLabel({ user, role, type, level }: SelinuxLabel): string {
  return `${user}:${role}:${type}:${level}`;
}

/** The type of a label; `""` if it is none. */
export function typeOf(text: string): string {
  return text.split(":")[2] ?? "";
}

/** The same label with other parts. */
export function changeSelinuxLabel(text: string, parts: Partial<SelinuxLabel>): string {
  return formatSelinuxLabel({ ...parseSelinuxLabel(text), ...parts });
}

/** The categories of the policies that are in use: c0 to c1023. */
const CATEGORIES = 1024;

/** A level with two categories of one's own, `s0:c12,c345`, from two random numbers of 16 bits. */
export function levelOf(random: Uint8Array): string {
  const number = (at: number): number => (((random[at] ?? 0) << 8) | (random[at + 1] ?? 0)) % CATEGORIES;
  const first = number(0);
  const other = number(2);
  const second = other === first ? (first + 1) % CATEGORIES : other;
  return `s0:c${Math.min(first, second)},c${Math.max(first, second)}`;
}
