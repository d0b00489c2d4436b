import { formatError, GantryError, isGantryError } from "../../errors/gantry-error.ts";
import type { Reference } from "../../oci/reference.ts";
import type { RegistryConnections, RegistrySource } from "../client/registry-connections.ts";
import type { NamedManifest } from "./refresh-times.ts";
import { readUpstreamLogin } from "./upstream-login.ts";
import type { UpstreamRepository, UpstreamRule } from "./upstream-rule.ts";

export interface UpstreamSourcesParts {
  readonly registries: Pick<RegistryConnections, "sources">;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

export interface AskOptions {
  /** The client could have what is here: the other registry is asked once, and not waited for long. @default false */
  readonly isImpatient?: boolean;
}

const IMPATIENT = { retryDelaysMs: [] as readonly number[], responseTimeoutMs: 5000 };

/** The other registries that copies are made of, as `registries.toml` arranges them; says once when one cannot be asked, and when it answers again. */
export class UpstreamSources {
  readonly #parts: UpstreamSourcesParts;
  readonly #isOffline = new Set<string>();
  readonly #hasRefused = new Set<UpstreamRule>();

  constructor(parts: UpstreamSourcesParts) {
    this.#parts = parts;
  }

  /** Who can be asked, the first choice first. @throws `permission-denied` if the registry is blocked; `unavailable` without its password */
  async list(
    { rule, remote }: UpstreamRepository,
    named: NamedManifest,
    { isImpatient = false }: AskOptions = {},
  ): Promise<readonly RegistrySource[]> {
    const reference: Reference = { registry: rule.registry, repository: remote, ...named };
    return await this.#parts.registries.sources(reference, readUpstreamLogin(rule), isImpatient ? IMPATIENT : {});
  }

  /** Asks one source after the other until one answers. @throws what the last one throws; `not-found` is an answer, too */
  async ask<T>(
    {
      upstream,
      named,
      ...options
    }: AskOptions & { readonly upstream: UpstreamRepository; readonly named: NamedManifest },
    question: (source: RegistrySource) => Promise<T>,
  ): Promise<T> {
    try {
      const answer = await askInTurn(await this.list(upstream, named, options), question);
      this.#tellOnline(upstream.rule);
      return answer;
    } catch (error) {
      if (!isGantryError(error, "not-found")) this.tellOffline(upstream.rule, error);
      throw error;
    }
  }

  /** The other registry could not be asked, or broke off. */
  tellOffline({ registry }: UpstreamRule, error: unknown): void {
    if (this.#isOffline.has(registry)) return;
    this.#isOffline.add(registry);
    this.#parts.warn(`${registry} cannot be asked, and what is here of it is served as it is: ${formatError(error)}`);
  }

  /** The other registry does not let its account, or those without one, have a repository: told once, for clients name whatever they like. */
  tellRefused({ rule, remote }: UpstreamRepository, reason: unknown): void {
    if (this.#hasRefused.has(rule)) return;
    this.#hasRefused.add(rule);
    const who = rule.login?.username ?? "whoever has no account";
    const hint =
      rule.login === undefined
        ? "name one in its [[upstream]]: username and password-file"
        : "look at username and password-file in its [[upstream]]";
    this.#parts.warn(
      `${rule.registry} refuses ${remote} to ${who}, or has no such repository: ${formatError(reason)} (${hint})`,
    );
  }

  #tellOnline({ registry }: UpstreamRule): void {
    if (this.#isOffline.delete(registry)) this.#parts.warn(`${registry} answers again`);
  }
}

async function askInTurn<T>(
  sources: readonly RegistrySource[],
  question: (source: RegistrySource) => Promise<T>,
): Promise<T> {
  let failure: unknown = new GantryError("internal", "there is no place to ask");
  for (const source of sources) {
    try {
      return await question(source);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
