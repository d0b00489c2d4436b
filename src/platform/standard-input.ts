/**
 * The process's standard input as it arrives. Nothing is read before the first request, so that a program started
 * after us finds what we did not want. Stopping the iteration lets go of it.
 */
export async function* readStandardInput(): AsyncGenerator<Uint8Array, void> {
  const reader = Bun.stdin.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}
