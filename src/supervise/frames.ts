import { GantryError } from "../errors/gantry-error.ts";
import type { StepFailure } from "../runtime/plan/explain-failure.ts";

/**
 * The monitor's protocol (native/client.c has the other side): frames of `u32 length, u16 type, u16 tag` and the bytes,
 * little-endian. It only ever grows: a type is never used anew, fields are added at the end, what is not known is skipped,
 * so that today's daemon can talk to a monitor that an older one started.
 */
export const PROTOCOL_VERSION = 1;

export const FRAME = {
  hello: 1,
  ready: 2,
  started: 3,
  failed: 4,
  exit: 5,
  /** Tag: the stream, 1 or 2. */
  output: 6,
  end: 7,
  /** Tag: that of the request; i32 errno. */
  reply: 8,
  start: 64,
  abandon: 65,
  /** u16 rows, u16 columns */
  resize: 66,
  /** u8: 1 stdin, 2 stdout, 4 stderr */
  attach: 67,
  input: 68,
  closeStdin: 69,
} as const;

const FRAME_HEADER_BYTES = 8;
/** A longer frame is refused on both sides. */
export const FRAME_MAX_BYTES = 16384;

const MONITOR_STATES = ["unknown", "created", "ready", "starting", "started", "failed", "ended"] as const;

export interface Frame {
  readonly type: number;
  readonly tag: number;
  readonly bytes: Uint8Array;
}

export interface Hello {
  readonly version: number;
  readonly state: (typeof MONITOR_STATES)[number];
  readonly monitorPid: number;
  readonly initPid: number;
  readonly initStartTime: number;
  readonly monitorStartTime: number;
}

export interface ExitFrame {
  readonly exitCode: number;
  readonly signal: number;
  readonly oomKilled: boolean;
  readonly failed: boolean;
  readonly finishedAtNs: bigint;
}

export function encodeFrame(frame: Frame): Uint8Array {
  if (frame.bytes.length > FRAME_MAX_BYTES) throw new GantryError("internal", "a frame for the monitor is too long");
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + frame.bytes.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, frame.bytes.length, true);
  view.setUint16(4, frame.type, true);
  view.setUint16(6, frame.tag, true);
  bytes.set(frame.bytes, FRAME_HEADER_BYTES);
  return bytes;
}

/** Cuts a stream of bytes into frames. It keeps at most one frame's bytes between calls. */
export class FrameDecoder {
  #rest: Uint8Array = new Uint8Array(0);

  /** @throws `data-loss` when the peer does not speak the protocol; nothing after it makes sense. */
  push(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = view.getUint32(at, true);
      if (length > FRAME_MAX_BYTES) throw new GantryError("data-loss", "the monitor sent what is not a frame");
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > bytes.length) break;
      const [type, tag] = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
      frames.push({ type, tag, bytes: bytes.slice(at + FRAME_HEADER_BYTES, end) });
      at = end;
    }
    this.#rest = bytes.slice(at);
    return frames;
  }
}

function viewOf(bytes: Uint8Array, least: number, what: string): DataView {
  if (bytes.length < least) throw new GantryError("data-loss", `the monitor sent a short ${what} frame`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function decodeHello(bytes: Uint8Array): Hello {
  const view = viewOf(bytes, 32, "HELLO");
  return {
    version: view.getUint32(0, true),
    state: MONITOR_STATES[view.getUint32(4, true)] ?? "unknown",
    monitorPid: view.getUint32(8, true),
    initPid: view.getUint32(12, true),
    initStartTime: Number(view.getBigUint64(16, true)),
    monitorStartTime: Number(view.getBigUint64(24, true)),
  };
}

export function decodeFailure(bytes: Uint8Array): StepFailure {
  const view = viewOf(bytes, 8, "FAILED");
  const text = Buffer.from(bytes.subarray(8)).toString("utf8");
  return { step: view.getUint32(0, true), errno: view.getInt32(4, true), text };
}

export function decodeExit(bytes: Uint8Array): ExitFrame {
  const view = viewOf(bytes, 24, "EXIT");
  return {
    exitCode: view.getInt32(0, true),
    signal: view.getInt32(4, true),
    oomKilled: view.getUint32(8, true) !== 0,
    failed: view.getUint32(12, true) !== 0,
    finishedAtNs: view.getBigUint64(16, true),
  };
}

/** When a monitor did what: microseconds of the monotonic clock. */
export interface MonitorTimes {
  /** Its own beginning. */
  readonly beganUs?: number;
  /** Init and its namespaces were made. */
  readonly clonedUs?: number;
  /** Init waited at the barrier. */
  readonly readyUs?: number;
  /** The program was executed. */
  readonly startedUs?: number;
  /** The program ended. */
  readonly endedUs?: number;
}

/** The times at the end of READY, STARTED and EXIT; none of an older monitor. */
export function decodeTimes({ type, bytes }: Frame): MonitorTimes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const us = (offset: number): number => Number(view.getBigUint64(offset, true)) / 1000;
  if (type === FRAME.ready && bytes.length >= 24) return { beganUs: us(0), clonedUs: us(8), readyUs: us(16) };
  if (type === FRAME.started && bytes.length >= 8) return { startedUs: us(0) };
  if (type === FRAME.exit && bytes.length >= 32) return { endedUs: us(24) };
  return {};
}

export function decodeReply(bytes: Uint8Array): number {
  return viewOf(bytes, 4, "REPLY").getInt32(0, true);
}
