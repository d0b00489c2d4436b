import type { PortBinding } from "../../api/host-config.ts";
import { defineCommand } from "../command.ts";

function address({ HostIp = "", HostPort = "" }: PortBinding): string {
  return `${HostIp.includes(":") ? `[${HostIp}]` : HostIp}:${HostPort}`;
}

export const command = defineCommand({
  usage: "CONTAINER [PRIVATE_PORT[/PROTO]]",
  flags: {},
  arguments: { min: 1, max: 2 },
  async run({ terminal, connect }, { positionals: [name = "", wanted] }) {
    const { NetworkSettings } = await (await connect()).inspectContainer(name);
    const ports = NetworkSettings.Ports ?? {};
    if (wanted !== undefined) {
      const key = wanted.includes("/") ? wanted.toLowerCase() : `${wanted}/tcp`;
      const bindings = ports[key] ?? [];
      if (bindings.length === 0) throw new Error(`Error: No public port '${wanted}' published for ${name}`);
      await terminal.stdout.write(bindings.map((binding) => `${address(binding)}\n`).join(""));
      return 0;
    }
    const lines = Object.entries(ports)
      .sort(([a], [b]) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1))
      .flatMap(([port, bindings]) => (bindings ?? []).map((binding) => `${port} -> ${address(binding)}\n`));
    await terminal.stdout.write(lines.join(""));
    return 0;
  },
});
