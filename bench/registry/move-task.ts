import type { LoadBlob } from "./registry-client.ts";

/** What a thread of clients is asked to do. */
export interface MoveTask {
  readonly host: string;
  readonly way: "push" | "pull";
  /** Each client moves it again and again. */
  readonly blob: LoadBlob;
  readonly clients: number;
  readonly durationMs: number;
}

/** What a thread says when it is done. */
export interface Moved {
  /** Of bodies. */
  readonly bytesPerSecond: number;
  /** Why it could not. */
  readonly problem?: string;
}
