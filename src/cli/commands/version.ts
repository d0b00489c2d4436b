import { arch } from "node:os";
import { API_VERSION } from "../../api/api-version.ts";
import type { VersionResponse } from "../../api/system.ts";
import { defineCommand } from "../command.ts";
import { errorLine } from "../error-line.ts";
import { textFlag } from "../flags/flag.ts";
import { alignColumns } from "../format/align-columns.ts";
import { formatAnsiTime } from "../format/local-time.ts";
import { formatFailure, parseFormat } from "../format/render-list.ts";
import { PROGRAM_VERSION } from "../version.ts";

interface ClientVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly DefaultAPIVersion: string;
  readonly Os: string;
  readonly Arch: string;
  readonly Context: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64" };

type Line = readonly [name: string, value: string | undefined];

function section(indent: string, lines: readonly Line[]): string {
  return lines
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${indent}${name}:\t${value}\n`)
    .join("");
}

function formatServer(server: VersionResponse): string {
  const platform = server.Platform?.Name ?? "";
  const components = (server.Components ?? []).map(({ Name, Version, Details = {} }) => {
    const lines: readonly Line[] =
      Name === "Engine"
        ? [
            ["Version", Version],
            ["API version", `${Details.ApiVersion ?? ""} (minimum version ${Details.MinAPIVersion ?? ""})`],
            ["Go version", Details.GoVersion],
            ["Git commit", Details.GitCommit],
            ["Built", formatAnsiTime(Details.BuildTime ?? "")],
            ["OS/Arch", `${Details.Os ?? ""}/${Details.Arch ?? ""}`],
            ["Experimental", Details.Experimental],
          ]
        : [["Version", Version], ...Object.entries(Details).sort(([a], [b]) => (a < b ? -1 : 1))];
    return ` ${Name}:\n${section("  ", lines)}`;
  });
  return `\nServer:${platform === "" ? "" : ` ${platform}`}\n${components.join("")}`;
}

function formatVersions(client: ClientVersion, server: VersionResponse | undefined): string {
  const lines: readonly Line[] = [
    ["Version", client.Version],
    ["API version", client.ApiVersion],
    ["OS/Arch", `${client.Os}/${client.Arch}`],
    ["Context", client.Context],
  ];
  const text = `Client:\n${section(" ", lines)}${server === undefined ? "" : formatServer(server)}`;
  return alignColumns(text, { minimumWidth: 20, padding: 1 });
}

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: { format: textFlag("How to print: json, or a Go template", { short: "f" }) },
  arguments: { min: 0, max: 0 },
  async run({ terminal, connect }, { flags: { format } }) {
    const template = format === undefined || format === "json" ? undefined : parseFormat(format);
    const client: ClientVersion = {
      Version: PROGRAM_VERSION,
      ApiVersion: API_VERSION,
      DefaultAPIVersion: API_VERSION,
      Os: "linux",
      Arch: ARCHITECTURES[arch()] ?? arch(),
      Context: "default",
    };
    let server: VersionResponse | undefined;
    let problem: unknown;
    try {
      server = await (await connect()).version();
    } catch (error) {
      problem = error;
    }
    const versions = { Client: client, Server: server ?? null };
    if (template !== undefined) {
      try {
        await terminal.stdout.write(
          `${template.render(versions, { maps: new Set(["Details"]), isCaseIgnored: true })}\n`,
        );
      } catch (error) {
        if (problem === undefined) throw formatFailure(error);
      }
    } else if (format === "json") await terminal.stdout.write(`${JSON.stringify(versions)}\n`);
    else await terminal.stdout.write(formatVersions(client, server));
    if (problem === undefined) return 0;
    await terminal.stderr.write(`${errorLine(problem)}\n`);
    return 1;
  },
});
