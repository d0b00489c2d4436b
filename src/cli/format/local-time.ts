import type { Terminal } from "../terminal.ts";

const MS_PER_MINUTE = 60_000;
const two = (value: number): string => String(value).padStart(2, "0");

function parts(
  atMs: number,
  timeZone: Terminal["timeZone"],
): { date: string; time: string; offset: string; name: string } {
  const { offsetMinutes, name } = timeZone(atMs);
  const local = new Date(atMs + offsetMinutes * MS_PER_MINUTE).toISOString();
  const size = Math.abs(offsetMinutes);
  const offset = `${offsetMinutes < 0 ? "-" : "+"}${two(Math.trunc(size / 60))}:${two(size % 60)}`;
  return { date: local.slice(0, 10), time: local.slice(11, 19), offset, name };
}

/** `2024-01-31 10:00:00 +0100 CET`, as Go prints a time. */
export function formatLocalTime(seconds: number, timeZone: Terminal["timeZone"]): string {
  const { date, time, offset, name } = parts(seconds * 1000, timeZone);
  return `${date} ${time} ${offset.replace(":", "")} ${name}`;
}

/** `2024-01-31T10:00:00+01:00`, with nine digits of fraction where nanoseconds are given. */
export function formatRfc3339(seconds: number, timeZone: Terminal["timeZone"], nanoseconds?: number): string {
  const { date, time, offset } = parts(seconds * 1000, timeZone);
  const fraction = nanoseconds === undefined ? "" : `.${String(nanoseconds).padStart(9, "0")}`;
  return `${date}T${time}${fraction}${offset === "+00:00" ? "Z" : offset}`;
}

const DAYS: readonly string[] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: readonly string[] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `Wed Jan  3 10:00:00 2024`, from RFC 3339; what is none is left as it is. */
export function formatAnsiTime(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const day = String(date.getUTCDate()).padStart(2, " ");
  const time = date.toISOString().slice(11, 19);
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${day} ${time} ${date.getUTCFullYear()}`;
}
