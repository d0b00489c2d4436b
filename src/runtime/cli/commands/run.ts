import type { RuntimeCommand } from "../runtime-command.ts";
import { CREATE_FLAGS, create } from "./create.ts";

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    ...CREATE_FLAGS,
    detach: { takes: "nothing", short: "d" },
    keep: { takes: "nothing" },
    "no-subreaper": { takes: "nothing" },
  },
  arguments: { min: 1, max: 1 },
  failure: "runc run failed: ",
  run: (context) =>
    create(context, {
      mode: context.flags.has("detach") ? "detach" : "run",
      keeps: context.flags.has("keep"),
      isSubreaper: !context.flags.has("no-subreaper"),
    }),
};
