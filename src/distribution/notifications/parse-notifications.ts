import type { TomlTable } from "../../toml/parse-toml.ts";
import { isPlainText, PLAIN_TEXT_RULE } from "../../toml/plain-text.ts";
import { isTomlTable, readTomlTables } from "../../toml/toml-tables.ts";
import type { RegistryAction } from "./registry-event.ts";

/** Somebody who wants to hear what happens. */
export interface NotificationEndpoint {
  /** What it is known by over restarts. */
  readonly name: string;
  readonly url: string;
  /** Sent with each request: `Authorization`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly ignoredActions: readonly RegistryAction[];
}

const KEYS: readonly string[] = ["name", "url", "headers", "timeout-seconds", "ignore"];
const ACTIONS: readonly string[] = ["push", "pull", "mount", "delete"];
const TIMEOUT_SECONDS = 5;

/**
 * Reads the `[[notifications]]` tables of `registry.toml`.
 *
 * ```toml
 * [[notifications]]
 * name = "builds"
 * url = "https://ci.example.org/hooks/registry"
 * headers = { Authorization = "Bearer …" }
 * timeout-seconds = 5
 * ignore = ["pull"]
 * ```
 *
 * @param problems what is wrong is added here, each with its place.
 */
export function parseNotifications(value: unknown, problems: string[]): readonly NotificationEndpoint[] {
  const endpoints = readTomlTables(value, { path: "notifications", known: KEYS, problems }, (table, place) =>
    readEndpoint(table, place, problems),
  );
  const names = endpoints.map((endpoint) => endpoint.name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) problems.push(`notifications: two have the name ${JSON.stringify(repeated)}`);
  return endpoints;
}

function readEndpoint(table: TomlTable, place: string, problems: string[]): NotificationEndpoint | undefined {
  const before = problems.length;
  const { name, url, headers = {}, "timeout-seconds": timeout = TIMEOUT_SECONDS, ignore = [] } = table;
  if (!isPlainText(name)) problems.push(`${place}.name is missing, or not ${PLAIN_TEXT_RULE}`);
  if (typeof url !== "string" || !isHttpUrl(url)) problems.push(`${place}.url is no http or https address`);
  if (!isTexts(headers)) problems.push(`${place}.headers is not a table of texts`);
  else if (!areHeaders(headers)) problems.push(`${place}.headers has a name or a value that HTTP does not allow`);
  if (typeof timeout !== "number" || !(timeout > 0 && timeout <= 300)) {
    problems.push(`${place}.timeout-seconds is not a number from 0 to 300`);
  }
  if (!Array.isArray(ignore) || !ignore.every((action) => ACTIONS.includes(action))) {
    problems.push(`${place}.ignore is not a list of ${ACTIONS.join(", ")}`);
  }
  if (problems.length > before) return undefined;
  return {
    name: String(name),
    url: String(url),
    headers: headers as Readonly<Record<string, string>>,
    timeoutMs: Number(timeout) * 1000,
    ignoredActions: ignore as readonly RegistryAction[],
  };
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isTomlTable(value) && Object.values(value).every((item) => typeof item === "string");
}

function areHeaders(headers: Readonly<Record<string, string>>): boolean {
  try {
    return new Headers(headers) !== undefined;
  } catch {
    return false;
  }
}
