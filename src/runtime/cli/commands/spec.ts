import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { GantryError } from "../../../errors/gantry-error.ts";
import { exampleSpec, rootlessExampleSpec } from "../../spec/example-spec.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

const CONFIG = "config.json";

export const command: RuntimeCommand = {
  usage: "[OPTIONS]",
  flags: { bundle: { takes: "text", short: "b" }, rootless: { takes: "nothing" } },
  arguments: { min: 0, max: 0 },
  async run({ flags, host }) {
    const user = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    const spec = flags.has("rootless") ? rootlessExampleSpec(user) : exampleSpec();
    const path = join(resolve(host.workingFolder(), flags.text("bundle") ?? "."), CONFIG);
    try {
      writeFileSync(path, JSON.stringify(spec, undefined, "\t"), { flag: "wx", mode: 0o666 });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST")
        throw new GantryError("already-exists", `File ${CONFIG} exists. Remove it first`);
      throw new GantryError("permission-denied", `cannot write ${path}`, { cause: error });
    }
    return 0;
  },
};
