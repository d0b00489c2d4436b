import type { InfoResponse } from "../../api/system.ts";
import { defineCommand } from "../command.ts";
import { errorLine, errorSentence } from "../error-line.ts";
import { textFlag } from "../flags/flag.ts";
import { binarySize } from "../format/human.ts";
import { formatFailure, parseFormat } from "../format/render-list.ts";
import { PROGRAM_VERSION } from "../version.ts";

/** `name=seccomp,profile=builtin` as name and further lines. */
function formatSecurityOption(option: string): readonly string[] {
  const pairs = option.split(",").map((pair) => pair.split("=", 2) as [string, string?]);
  const name = pairs.find(([key]) => key === "name")?.[1] ?? option;
  const profiles = pairs.filter(([key]) => key === "profile").map(([, value]) => `   Profile: ${value}`);
  return [`  ${name}`, ...profiles];
}

/** The daemon's half, in the layout that people's scripts search. */
function serverLines(info: InfoResponse): readonly string[] {
  const present = (label: string, value: string | undefined) =>
    value === undefined || value === "" ? [] : [` ${label}: ${value}`];
  const insecure = [
    ...Object.values(info.RegistryConfig?.IndexConfigs ?? {})
      .filter(({ Secure }) => !Secure)
      .map(({ Name }) => `  ${Name}`),
    ...(info.RegistryConfig?.InsecureRegistryCIDRs ?? []).map((cidr) => `  ${cidr}`),
  ];
  return [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ...present("Server Version", info.ServerVersion),
    ...present("Storage Driver", info.Driver),
    ...(info.DriverStatus ?? []).map(([name, value]) => `  ${name}: ${value}`),
    ...present("Logging Driver", info.LoggingDriver),
    ...present("Cgroup Driver", info.CgroupDriver),
    ...present("Cgroup Version", info.CgroupVersion),
    " Plugins:",
    `  Volume: ${(info.Plugins?.Volume ?? []).join(" ")}`,
    `  Network: ${(info.Plugins?.Network ?? []).join(" ")}`,
    `  Log: ${(info.Plugins?.Log ?? []).join(" ")}`,
    ...present("Swarm", info.Swarm?.LocalNodeState),
    ` Runtimes: ${Object.keys(info.Runtimes ?? {}).join(" ")}`,
    ...present("Default Runtime", info.DefaultRuntime),
    ...present("Init Binary", info.InitBinary),
    ...present("containerd version", info.ContainerdCommit?.ID),
    ...present("runc version", info.RuncCommit?.ID),
    ...present("init version", info.InitCommit?.ID),
    " Security Options:",
    ...(info.SecurityOptions ?? []).flatMap(formatSecurityOption),
    ...present("Kernel Version", info.KernelVersion),
    ...present("Operating System", info.OperatingSystem),
    ...present("OSType", info.OSType),
    ...present("Architecture", info.Architecture),
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${binarySize(info.MemTotal)}`,
    ...present("Name", info.Name),
    ...present("ID", info.ID),
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Debug Mode: ${info.Debug}`,
    ...present("HTTP Proxy", info.HttpProxy),
    ...present("HTTPS Proxy", info.HttpsProxy),
    ...present("No Proxy", info.NoProxy),
    ...((info.Labels ?? []).length > 0 ? [" Labels:", ...info.Labels.map((label) => `  ${label}`)] : []),
    ` Experimental: ${info.ExperimentalBuild}`,
    ...(insecure.length > 0 ? [" Insecure Registries:", ...insecure] : []),
    ...((info.RegistryConfig?.Mirrors ?? []).length > 0
      ? [" Registry Mirrors:", ...info.RegistryConfig.Mirrors.map((mirror) => `  ${mirror}`)]
      : []),
    ` Live Restore Enabled: ${info.LiveRestoreEnabled}`,
    "",
  ];
}

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: { format: textFlag("How to print: json, or a Go template", { short: "f" }) },
  arguments: { min: 0, max: 0 },
  async run({ terminal, connect, settings }, { flags: { format } }) {
    const template = format === undefined || format === "json" ? undefined : parseFormat(format);
    const client = {
      Debug: settings.isDebug,
      Version: PROGRAM_VERSION,
      Context: "default",
      Plugins: [],
      Warnings: null,
    };
    let info: InfoResponse | undefined;
    let problem: unknown;
    try {
      info = await (await connect()).info();
    } catch (error) {
      problem = error;
    }
    const serverErrors = problem === undefined ? {} : { ServerErrors: [errorSentence(problem)] };
    const all = { ...info, ...serverErrors, ClientInfo: client };
    if (template !== undefined) {
      try {
        await terminal.stdout.write(
          `${template.render(all, { maps: new Set(["Runtimes", "IndexConfigs"]), isCaseIgnored: true })}\n`,
        );
      } catch (error) {
        if (problem === undefined) throw formatFailure(error);
      }
    } else if (format === "json") await terminal.stdout.write(`${JSON.stringify(all)}\n`);
    else {
      const head = [
        "Client:",
        ` Version:    ${client.Version}`,
        ` Context:    ${client.Context}`,
        ` Debug Mode: ${client.Debug}`,
        "",
        "Server:",
      ];
      await terminal.stdout.write(`${[...head, ...(info === undefined ? [] : serverLines(info))].join("\n")}\n`);
      for (const warning of info?.Warnings ?? []) await terminal.stderr.write(`${warning}\n`);
    }
    if (problem === undefined) return 0;
    const isTable = template === undefined && format !== "json";
    await terminal.stderr.write(isTable ? `ERROR: ${errorSentence(problem)}\n` : `${errorLine(problem)}\n`);
    return 1;
  },
});
