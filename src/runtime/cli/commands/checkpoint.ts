import { GantryError } from "../../../errors/gantry-error.ts";
import type { FlagTable } from "../parse-runc-flags.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

/** What `checkpoint` and `restore` have in common in runc's command line: a caller's options are not what is wrong. */
export const CRIU_FLAGS = {
  "image-path": { takes: "text" },
  "work-path": { takes: "text" },
  "tcp-established": { takes: "nothing" },
  "ext-unix-sk": { takes: "nothing" },
  "shell-job": { takes: "nothing" },
  "lazy-pages": { takes: "nothing" },
  "file-locks": { takes: "nothing" },
  "manage-cgroups-mode": { takes: "text" },
  "empty-ns": { takes: "list" },
  "auto-dedup": { takes: "nothing" },
} as const satisfies FlagTable;

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    ...CRIU_FLAGS,
    "parent-path": { takes: "text" },
    "leave-running": { takes: "nothing" },
    "tcp-skip-in-flight": { takes: "nothing" },
    "link-remap": { takes: "nothing" },
    "status-fd": { takes: "integer" },
    "page-server": { takes: "text" },
    "pre-dump": { takes: "nothing" },
  },
  arguments: { min: 1, max: 1 },
  async run({ positionals: [id = ""] }) {
    throw new GantryError("unsupported", `cannot checkpoint container "${id}": checkpoint is not supported yet`, {
      hint: "it goes on as it was; make containers that need it with runc",
    });
  },
};
