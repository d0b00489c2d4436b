import { resolveLocations } from "../../daemon/locations.ts";
import { defineCommand, type GlobalSettings } from "../command.ts";
import { locationOptions } from "../connect.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    host: textFlag("Listen on this socket, unix:///path", { short: "H" }),
    root: textFlag("Keep images, volumes and containers here"),
    state: textFlag("Keep what lives until the next boot here"),
    "self-started": switchFlag("A command started this daemon: one of another build may replace it"),
  },
  arguments: { min: 0, max: 0 },
  async run({ settings, terminal }, { flags }) {
    const places: GlobalSettings = {
      ...settings,
      host: flags.host ?? settings.host,
      root: flags.root ?? settings.root,
      state: flags.state ?? settings.state,
    };
    const locations = resolveLocations(locationOptions(places), terminal.environment);
    const { runDaemon } = await import("../../daemon/run-daemon.ts");
    return runDaemon(locations, { isSelfStarted: flags["self-started"] });
  },
});
