import { expect, test } from "bun:test";
import type { EngineAttachment } from "../dependencies.ts";
import { PendingSession } from "./stdio-session.ts";

function attachment(chunks: readonly string[]): {
  readonly written: string[];
  isClosed: boolean;
  readonly value: EngineAttachment;
} {
  const state = { written: [] as string[], isClosed: false };
  return Object.assign(state, {
    value: {
      output: (async function* () {
        for (const chunk of chunks) yield { stream: "stdout" as const, bytes: Buffer.from(chunk) };
      })(),
      write: async (bytes: Uint8Array) => void state.written.push(Buffer.from(bytes).toString()),
      closeStdin: async () => void state.written.push("<end>"),
      close: () => {
        state.isClosed = true;
      },
    },
  });
}

async function textOf(session: PendingSession): Promise<string> {
  let text = "";
  for await (const { bytes } of session.output) text += Buffer.from(bytes);
  return text;
}

test("what a client sends and reads before there is a process waits for it", async () => {
  const session = new PendingSession();
  const text = textOf(session);
  const sent = session.write(Buffer.from("early")).then(() => session.closeStdin());
  const process = attachment(["a", "b"]);
  session.bind(process.value);
  await sent;
  expect([await text, process.written]).toEqual(["ab", ["early", "<end>"]]);
  await session.ended;
});

test("a client that left is closed, whenever its process comes", async () => {
  const session = new PendingSession();
  session.close();
  const process = attachment(["a"]);
  session.bind(process.value);
  expect(process.isClosed).toBe(true);
  await session.ended;
});

test("without a process the output ends, and writing is refused", async () => {
  const session = new PendingSession();
  session.bind(undefined);
  expect(await textOf(session)).toBe("");
  await expect(session.write(Buffer.from("x"))).rejects.toThrow("no process");
});
