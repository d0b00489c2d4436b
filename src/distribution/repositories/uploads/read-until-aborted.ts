import { RegistryError } from "../registry-error.ts";

/** The chunks of a body, until the signal says that nobody wants it any more: then it fails. */
export async function* readUntilAborted(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  // A read that waits ends with it. (A race of each read with the signal would keep every chunk until the end.)
  const onAbort = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) {
        throw new RegistryError("BLOB_UPLOAD_INVALID", "the client continued this upload in another request", {
          status: 409,
        });
      }
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: a client that stands still would hold us.
    onAbort();
  }
}
