import { absentFlag, absentSwitch, switchFlag, textFlag } from "./flags/flag.ts";

/** The flags before the command's name. */
export const GLOBAL_FLAGS = {
  host: textFlag("The daemon's socket, unix:///path; also GANTRY_HOST", { short: "H" }),
  root: textFlag("Where the daemon keeps images, volumes and containers; also GANTRY_ROOT", {
    shownDefault: "/var/lib/gantry",
  }),
  state: textFlag("Where the daemon keeps what lives until the next boot; also GANTRY_STATE", {
    shownDefault: "/run/gantry",
  }),
  debug: switchFlag("Show the whole chain of causes of an error", { short: "D" }),
  version: switchFlag("Print the version", { short: "v" }),
  config: absentFlag(),
  context: absentFlag({ short: "c" }),
  "log-level": absentFlag({ short: "l" }),
  tls: absentSwitch(),
  tlscacert: absentFlag(),
  tlscert: absentFlag(),
  tlskey: absentFlag(),
  tlsverify: absentSwitch(),
} as const;
