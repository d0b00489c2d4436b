import { expect, test } from "bun:test";
import { fakeApi, fakeTerminal, frames, runMain } from "../../../test/support/cli-double.ts";
import type { ContainerInspect } from "../../api/container.ts";
import type { OutputFrame } from "../../api/stdio-connection.ts";

/** Streams that go on until they are closed. */
function endless() {
  const closed = Promise.withResolvers<void>();
  const output = (async function* (): AsyncGenerator<OutputFrame> {
    await closed.promise;
    yield* frames();
  })();
  return { output, write: async () => {}, closeStdin: async () => {}, close: () => closed.resolve() };
}

const api = fakeApi({
  inspectContainer: async () =>
    ({ Id: "c0ffee", Config: { Tty: true, OpenStdin: true }, State: { Running: true } }) as ContainerInspect,
  waitContainer: async () => ({ result: new Promise(() => {}) }),
  attachContainer: async () => endless(),
  resizeContainer: async () => {},
  createExec: async () => ({ Id: "e4ec" }),
  startExec: async () => endless(),
  resizeExec: async () => {},
});

for (const words of [
  ["attach", "web"],
  ["exec", "-it", "web", "sh"],
]) {
  test(`leaving \`${words[0]}\` by the keys says so, and is status 1 as with Docker`, async () => {
    const terminal = fakeTerminal({ isTerminal: true, input: ["\x10\x11"], size: { width: 90, height: 30 } });
    expect(await runMain(words, { api, terminal })).toEqual({
      status: 1,
      stdout: "",
      stderr: "read escape sequence\n",
    });
    expect(terminal.isRaw).toBe(false);
  });
}
