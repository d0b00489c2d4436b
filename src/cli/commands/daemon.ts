import { resolveLocations } from "../../daemon/locations.ts";
import { defineCommand, type GlobalSettings } from "../command.ts";
import { locationOptions } from "../connect.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { resolveHostPath } from "../values/host-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    host: textFlag("Listen on this socket, unix:///path", { short: "H" }),
    root: textFlag("Keep images, volumes and containers here"),
    state: textFlag("Keep what lives until the next boot here"),
    registry: textFlag("Serve the registry here too, HOST:PORT"),
    "registry-config": textFlag("Serve the registry too, as this registry.toml says"),
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
    const { registry: listen, "registry-config": config } = flags;
    const request = {
      ...(listen === undefined ? {} : { Listen: listen }),
      ...(config === undefined ? {} : { Config: resolveHostPath(config, terminal) }),
    };
    return runDaemon(locations, {
      isSelfStarted: flags["self-started"],
      ...(listen === undefined && config === undefined ? {} : { registry: request }),
    });
  },
});
