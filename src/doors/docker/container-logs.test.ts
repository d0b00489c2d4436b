import { expect, test } from "bun:test";
import { CREATED_NS, doorParts, engineDouble, serveDoor } from "../../../test/support/door-double.ts";

test("logs come in frames with times in front of lines", async () => {
  const engine = engineDouble({
    async logs(_name, options) {
      expect(options).toMatchObject({ stdout: true, stderr: false, tail: 3, sinceNs: 1_500_000_000n });
      const position = { number: 1, offset: 0 };
      return {
        isTerminal: false,
        async *[Symbol.asyncIterator]() {
          yield { stream: "stdout", timeNs: CREATED_NS, position, bytes: Buffer.from("one\n") } as const;
        },
      };
    },
  });
  await using door = await serveDoor(doorParts({ engine }));
  const options = { stdout: true, stderr: false, timestamps: true, tail: "3", since: "1.5" };
  const frames = await Array.fromAsync(await door.api.containerLogs("web", options));
  expect(frames.map(({ bytes }) => Buffer.from(bytes).toString()).join("")).toBe(
    "2026-01-02T03:04:05.000000006Z one\n",
  );
});
