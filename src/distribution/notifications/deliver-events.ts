import { formatError } from "../../errors/gantry-error.ts";
import { networkReason } from "../client/http-exchange.ts";
import type { EventOutbox } from "./event-outbox.ts";
import { ENVELOPE_TYPE, type EventSource, formatEnvelope } from "./format-envelope.ts";
import type { NotificationEndpoint } from "./parse-notifications.ts";

export interface DeliverEventsOptions {
  readonly outbox: EventOutbox;
  readonly endpoint: NotificationEndpoint;
  readonly source: EventSource;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
  readonly signal: AbortSignal;
  /** @default a timer */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const EVENTS_IN_ENVELOPE = 100;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Tells an endpoint everything that happens, in order, until the signal. What it does not take is told again, after pauses that
 * grow; the operator hears when it begins to fail and when it hears again.
 */
export async function deliverEvents(options: DeliverEventsOptions): Promise<void> {
  const { outbox, endpoint, signal, warn, sleep = pause } = options;
  let heard = outbox.heard(endpoint.name);
  let pauseMs = 0;
  const setHeard = (seq: number): void => {
    heard = seq;
    // What cannot be written now, on a full disk, is written with what comes next: after a restart some may be told again.
    try {
      outbox.setHeard(endpoint.name, seq);
    } catch (error) {
      warn(`notifications: how far ${endpoint.name} has heard cannot be written: ${formatError(error)}`);
    }
  };
  while (!signal.aborted) {
    const change = outbox.change(signal);
    const events = outbox.read(heard, EVENTS_IN_ENVELOPE, endpoint.ignoredActions);
    const last = events.at(-1);
    if (last === undefined) {
      // All that is left is ignored, for good: not ignored any more one day, it would be told then.
      const newest = outbox.newest();
      if (newest > heard) setHeard(newest);
      await change;
      continue;
    }
    const problem = await post(
      options,
      events.map(({ event }) => event),
    );
    if (problem === undefined) {
      if (pauseMs > 0) warn(`notifications: ${endpoint.name} takes events again`);
      pauseMs = 0;
      setHeard(last.seq);
      continue;
    }
    if (signal.aborted) return;
    if (pauseMs === 0) warn(`notifications: ${endpoint.name} does not take events, which wait: ${problem}`);
    pauseMs = Math.min(pauseMs === 0 ? FIRST_PAUSE_MS : pauseMs * 2, LONGEST_PAUSE_MS);
    await sleep(pauseMs, signal);
  }
}

/** @returns why it was not taken, or undefined. */
async function post(
  { endpoint, source, signal }: DeliverEventsOptions,
  events: Parameters<typeof formatEnvelope>[0],
): Promise<string | undefined> {
  try {
    const response = await fetch(endpoint.url, {
      method: "POST",
      headers: { ...endpoint.headers, "content-type": ENVELOPE_TYPE },
      body: formatEnvelope(events, source),
      // Followed, it would become a GET without the events, or take the headers elsewhere.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(endpoint.timeoutMs)]),
    });
    await response.body?.cancel();
    return response.ok ? undefined : `it answered ${response.status}`;
  } catch (error) {
    return `cannot reach ${new URL(endpoint.url).host}: ${networkReason(error) ?? formatError(error)}`;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
