import { expect, test } from "bun:test";
import { frames } from "../../../test/support/cli-double.ts";
import { ResumableOutput } from "./resumable-output.ts";

async function textOf(
  output: ResumableOutput,
  ...sent: readonly (readonly ["stdout" | "stderr", string])[]
): Promise<string> {
  let text = "";
  for await (const { stream, bytes } of output.through(frames(...sent))) text += `${stream[3]}:${Buffer.from(bytes)} `;
  return text;
}

test("what was had before the connection broke is not given again, each stream by itself", async () => {
  const output = new ResumableOutput();
  output.onPosition("1.0");
  expect(await textOf(output, ["stdout", "one tw"], ["stderr", "bad"])).toBe("o:one tw e:bad ");
  expect(output.position).toBe("1.0");
  expect(await textOf(output, ["stderr", "bad luck"], ["stdout", "one "], ["stdout", "two"])).toBe("e: luck o:o ");
});

test("a position among what is skipped counts from there", async () => {
  const output = new ResumableOutput();
  output.onPosition("1.0");
  await textOf(output, ["stdout", "0123456789"]);
  const again = (async function* () {
    yield* frames(["stdout", "0123"]);
    output.onPosition("1.4");
    yield* frames(["stdout", "45"]);
  })();
  let text = "";
  for await (const { bytes } of output.through(again)) text += Buffer.from(bytes);
  expect([text, output.position]).toEqual(["", "1.4"]);
  expect(await textOf(output, ["stdout", "456789ab"])).toBe("o:ab ");
});
