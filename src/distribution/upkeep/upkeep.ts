import type { ContentStore } from "../../content/content-store.ts";
import { type Damage, type RepairBlob, Scrubber } from "../../content/scrub/scrubber.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";
import type { Repositories } from "../repositories/repositories.ts";
import { ClockWatch } from "./clock-watch.ts";
import type { BlobLink } from "./collect-links.ts";
import { type CollectionOutcome, collectRepositories } from "./collect-repositories.ts";
import { newCounters, type UpkeepCounters } from "./counters.ts";
import { neededBy } from "./needed-by.ts";
import { retainRepositories } from "./retain-repositories.ts";
import { formatDuration } from "./retention/duration.ts";
import { formatDeletion } from "./retention/format-deletion.ts";
import type { UpkeepConfig } from "./upkeep-config.ts";

export interface UpkeepParts {
  readonly state: State;
  readonly content: ContentStore;
  readonly repositories: Repositories;
  /** What is configured now. @throws `invalid-argument` */
  readonly config: () => UpkeepConfig;
  /** @default damaged blobs wait for whoever pushes or pulls them again */
  readonly repair?: RepairBlob;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
  /** How long the host is up: shows when the clock is set. @default that is not looked at */
  readonly uptimeMs?: () => number;
  /** How long after `start` the first things are done. @default a minute */
  readonly firstMs?: number;
}

/** Pulls are written this often. */
const PULLS_MS = 60_000;

/** How soon after the start the first collection is, and how soon it is looked again whether verifying is due. */
const FIRST_MS = 60_000;

/** A clock that is set by less makes nothing old. */
const JUMP_MS = 60_000;

/** How long damaged files are kept to be looked at. */
const QUARANTINE_MS = 30 * 86_400_000;

/**
 * Looks after what a registry keeps: retention, collection, verifying. By itself from `start` on, and when asked; one thing at a time, in short
 * steps, while everything is served.
 */
export class Upkeep implements AsyncDisposable {
  readonly counters: UpkeepCounters = newCounters();
  readonly #parts: UpkeepParts;
  readonly #scrubber: Scrubber;
  readonly #clock: ClockWatch;
  readonly #ended = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  #collecting: Promise<unknown> = Promise.resolve();
  #scrubbing: Promise<unknown> = Promise.resolve();

  constructor(parts: UpkeepParts) {
    const { state, content, repair, uptimeMs = state.now } = parts;
    this.#parts = parts;
    this.#clock = new ClockWatch({ now: state.now, uptimeMs });
    const needed = { neededBy: (digest: Parameters<typeof neededBy>[1]) => neededBy(parts, digest) };
    this.#scrubber = new Scrubber({ state, content, ...needed, ...(repair === undefined ? {} : { repair }) });
  }

  /** Begins to work by itself. */
  start(): void {
    const { firstMs = FIRST_MS } = this.#parts;
    this.#again("collect what is left over", firstMs, async () => {
      const { intervalMs } = this.#parts.config().collection;
      const jumpMs = this.#clock.look();
      if (jumpMs >= JUMP_MS) this.#tellOfJump(jumpMs, intervalMs);
      else await this.collect();
      return intervalMs;
    });
    this.#again("verify what it keeps", firstMs, async () => {
      if (this.#isScrubDue()) await this.scrub();
      return FIRST_MS;
    });
    this.#again("record pulls", PULLS_MS, async () => {
      this.#writePulls();
      return PULLS_MS;
    });
  }

  /** By a clock that is wrong for an hour all would be old at once; one that is still there the next time is believed. */
  #tellOfJump(jumpMs: number, intervalMs: number): void {
    const jump = formatDuration(Math.round(jumpMs / JUMP_MS) * JUMP_MS);
    this.#parts.warn(
      `the clock was set forward by ${jump}: the registry takes nothing away for its age before it looks again, in ${formatDuration(intervalMs)} (set the clock right until then if it is wrong)`,
    );
  }

  /** Does a thing after a while, and again after the while that it gives back. */
  #again(what: string, afterMs: number, work: () => Promise<number>): void {
    if (this.#ended.signal.aborted) return;
    const timer = setTimeout(async () => {
      this.#timers.delete(timer);
      const nextMs = await work().catch((error: unknown) => {
        if (this.#ended.signal.aborted) return FIRST_MS;
        this.#parts.warn(`the registry cannot ${what}: ${isGantryError(error) ? formatError(error) : String(error)}`);
        return FIRST_MS * 10;
      });
      this.#again(what, nextMs, work);
    }, afterMs);
    timer.unref();
    this.#timers.add(timer);
  }

  #isScrubDue(): boolean {
    const { bytesPerSecond, intervalMs } = this.#parts.config().scrub;
    const { finishedMs, isUnderWay } = this.#scrubber.standing;
    const nowMs = this.#parts.state.now();
    // What ended later than now ended by a clock that was wrong.
    const isOver = finishedMs === undefined || finishedMs > nowMs || finishedMs + intervalMs <= nowMs;
    return bytesPerSecond > 0 && (isUnderWay || isOver);
  }

  #writePulls(): void {
    this.counters.pullsRecorded += this.#parts.repositories.lastPulls.write();
  }

  /** Removes what the rules of retention name, and what nobody needs then. @throws what `signal` says, between two steps */
  collect(options: UpkeepOptions = {}): Promise<CollectionOutcome> {
    const run = this.#collecting.then(() => this.#collect(options));
    this.#collecting = run.catch(() => undefined);
    return run;
  }

  async #collect(options: UpkeepOptions): Promise<CollectionOutcome> {
    const { state, content } = this.#parts;
    const { isDryRun = false, tell, config = this.#parts.config() } = options;
    const startMs = state.now();
    const signal = this.#until(options.signal);
    try {
      await this.#retain(options);
      const { uploadsIdleMs } = config.collection;
      const onLink = (link: BlobLink): void => tell?.(formatLink(link));
      const onBlob = (digest: Digest): void => tell?.(`remove  ${digest}  nothing needs it`);
      const outcome = await collectRepositories(this.#parts, { uploadsIdleMs, isDryRun, onLink, onBlob, signal });
      if (isDryRun) return outcome;
      await content.quarantine.forget(state.now() - QUARANTINE_MS);
      this.#count(outcome, startMs);
      return outcome;
    } catch (error) {
      if (!signal.aborted) this.counters.collectionFailures += 1;
      throw error;
    }
  }

  #count(outcome: CollectionOutcome, startMs: number): void {
    const { counters } = this;
    const nowMs = this.#parts.state.now();
    counters.collections += 1;
    // A counter only grows, whatever the clock does.
    counters.collectionSeconds += Math.max(0, nowMs - startMs) / 1000;
    counters.linksRemoved += outcome.links;
    counters.blobsRemoved += outcome.blobs;
    counters.bytesFreed += outcome.freedBytes;
    counters.uploadsGivenUp += outcome.uploads;
  }

  /** Takes away what the rules of retention name. @throws what `signal` says, between two steps: what is gone was told */
  retain(options: UpkeepOptions = {}): Promise<RetentionOutcome> {
    const run = this.#collecting.then(() => this.#retain(options));
    this.#collecting = run.catch(() => undefined);
    return run;
  }

  async #retain(options: UpkeepOptions): Promise<RetentionOutcome> {
    const { isDryRun = false, tell, config = this.#parts.config() } = options;
    const signal = this.#until(options.signal);
    const grace = formatDuration(this.#parts.repositories.graceMs());
    const outcome = { tags: 0, manifests: 0, grace };
    for await (const deletions of retainRepositories(this.#parts, config.retention, { isDryRun, signal })) {
      for (const deletion of deletions) {
        tell?.(formatDeletion(deletion));
        if (deletion.kind === "tag") outcome.tags += 1;
        else outcome.manifests += 1;
      }
    }
    if (!isDryRun) {
      this.counters.tagsRetired += outcome.tags;
      this.counters.manifestsRetired += outcome.manifests;
    }
    return outcome;
  }

  /**
   * Verifies every blob, from where the last pass stood.
   *
   * @throws `cancelled` at the signal, or when upkeep ends; the place is kept
   */
  scrub(options: ScrubRequest = {}): Promise<ScrubOutcome> {
    const run = this.#scrubbing.then(() => this.#scrub(options));
    this.#scrubbing = run.catch(() => undefined);
    return run;
  }

  async #scrub({ bytesPerSecond, signal, tell, onProblem }: ScrubRequest): Promise<ScrubOutcome> {
    const { counters } = this;
    const outcome = { blobs: 0, bytes: 0, damaged: 0, repaired: 0, missing: 0 };
    const { warn, content } = this.#parts;
    const missing = [...missingBlobs(this.#parts)];
    await this.#scrubber.run({
      bytesPerSecond: bytesPerSecond ?? this.#parts.config().scrub.bytesPerSecond,
      signal: this.#until(signal),
      onProblem: onProblem ?? warn,
      onProgress: ({ blobs, bytes }) => {
        outcome.blobs += blobs;
        outcome.bytes += bytes;
        counters.blobsVerified += blobs;
        counters.bytesVerified += bytes;
      },
      onDamage: (damage) => {
        outcome.damaged += 1;
        outcome.repaired += Number(damage.isRepaired);
        counters.blobsDamaged += 1;
        counters.blobsRepaired += Number(damage.isRepaired);
        (tell ?? warn)(formatDamage(damage));
      },
    });
    for (const { digest, finding, needed } of missing) {
      if (content.has(digest)) continue;
      outcome.missing += 1;
      (tell ?? warn)(`${digest} is missing since it was damaged: ${finding}; needed by ${needed.join(", ")}; ${MEND}`);
    }
    counters.scrubPasses += 1;
    return outcome;
  }

  /** Says when to end what somebody asked for, who may have gone away since. */
  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#ended.signal : AbortSignal.any([signal, this.#ended.signal]);
  }

  /** Ends what is under way; what was recorded in memory is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([this.#collecting, this.#scrubbing]);
    this.#writePulls();
  }
}

export interface UpkeepOptions {
  /** Say what would go, and leave it. @default false */
  readonly isDryRun?: boolean;
  /** Told of what goes, a line each. */
  readonly tell?: (line: string) => void;
  /** @default what is configured */
  readonly config?: UpkeepConfig;
  /** Whoever asked wants no more of it. */
  readonly signal?: AbortSignal;
}

export interface RetentionOutcome {
  readonly tags: number;
  readonly manifests: number;
  /** What was pushed or pulled within it stayed: `1h`. */
  readonly grace: string;
}

export interface ScrubRequest {
  /** 0 for as fast as it goes. @default what is configured */
  readonly bytesPerSecond?: number;
  /** Told of each blob that is damaged, in one line. @default the operator is */
  readonly tell?: (line: string) => void;
  /** Told of what cannot be verified now, in one sentence. @default the operator is */
  readonly onProblem?: (sentence: string) => void;
  readonly signal?: AbortSignal;
}

export interface ScrubOutcome {
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: number;
  readonly repaired: number;
  /** Those of passes before that something needs and nobody has pushed or pulled again. */
  readonly missing: number;
}

const MEND = "push or pull it again, and it is mended";

/** What was found damaged by now, is needed, and is not here. */
function* missingBlobs(
  parts: Pick<UpkeepParts, "state" | "content">,
): Generator<{ readonly digest: Digest; readonly finding: string; readonly needed: readonly string[] }> {
  for (const { digest, finding, isMended } of parts.content.quarantine.list()) {
    const needed = isMended ? [] : neededBy(parts, digest);
    if (needed.length > 0) yield { digest, finding, needed };
  }
}

function formatLink({ repository, digest, sizeBytes }: BlobLink): string {
  return `unlink  ${repository}@${digest}  ${sizeBytes} bytes that no manifest refers to`;
}

/** What was found, in one sentence. */
export function formatDamage({ digest, finding, neededBy: needed, isRepaired }: Damage): string {
  const who = needed.length === 0 ? "nothing needs it" : `needed by ${needed.join(", ")}`;
  const what = isRepaired ? "repaired" : MEND;
  return `${digest} is damaged: ${finding}; ${who}; ${what}`;
}
