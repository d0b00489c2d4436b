import { acrossRestarts } from "../across-restarts.ts";
import { defineCommand } from "../command.ts";
import { absentSwitch, switchFlag, textFlag } from "../flags/flag.ts";
import { followLog } from "../streams/follow-log.ts";
import { ResumableOutput } from "../streams/resumable-output.ts";
import { parseTimestamp } from "../values/timestamp.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  flags: {
    details: absentSwitch(),
    follow: switchFlag("Go on with what is printed from now on", { short: "f" }),
    since: textFlag("From this time on (2013-01-02T13:23:37Z), or that long ago (42m)"),
    tail: textFlag("Number of lines from the end", { short: "n", shownDefault: '"all"' }),
    timestamps: switchFlag("Show the time of each line", { short: "t" }),
    until: textFlag("Up to this time (2013-01-02T13:23:37Z), or that long ago (42m)"),
  },
  arguments: { min: 1, max: 1 },
  async run(context, { flags, positionals: [name = ""] }) {
    const { terminal } = context;
    const sources = {
      nowMs: terminal.now(),
      localOffsetMinutes: (atMs: number) => terminal.timeZone(atMs).offsetMinutes,
    };
    const { since, until, tail } = flags;
    const options = {
      stdout: true,
      stderr: true,
      follow: flags.follow,
      timestamps: flags.timestamps,
      ...(since === undefined ? {} : { since: parseTimestamp(since, sources) }),
      ...(until === undefined ? {} : { until: parseTimestamp(until, sources) }),
      ...(tail === undefined ? {} : { tail }),
    };
    const { Id: id } = await (await context.connect()).inspectContainer(name);
    const output = new ResumableOutput();
    await acrossRestarts(context, async (api) => {
      const frames = await followLog(api, id, { ...options, output, terminal });
      for await (const { stream, bytes } of output.through(frames)) {
        await (stream === "stderr" ? terminal.stderr : terminal.stdout).write(bytes);
      }
    });
    return 0;
  },
});
