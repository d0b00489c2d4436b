import { writeSync } from "node:fs";
import { EngineFixture } from "./engine-fixture.ts";

/** A daemon for the tests that kill it: does what its argument says, over and over, until it is killed. */
const [directory = "", story = ""] = process.argv.slice(2);
const fixture = await EngineFixture.open({ directory });
if (story === "print") {
  const text = "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); sleep 0.005; done; exit 6";
  const { id } = await fixture.engine.create(
    { image: "box", command: ["sh", "-c", text], network: { mode: "none" } },
    {},
  );
  await fixture.engine.start(id);
  writeSync(1, `${id}\n`);
  setInterval(() => {}, 1000);
} else {
  writeSync(1, "going\n");
  // Some end at once, some are still there when the next daemon comes.
  for (let turn = 0; ; turn++) {
    await Promise.all(
      [true, false].map(async (autoRemove) => {
        const { id } = await fixture.run({
          command: ["sleep", `${(turn % 3) * 0.02}`],
          autoRemove,
          mounts: [{ type: "volume", target: "/data", readOnly: false }],
        });
        if (!autoRemove) await fixture.engine.remove(id, { volumes: true });
      }),
    );
  }
}
