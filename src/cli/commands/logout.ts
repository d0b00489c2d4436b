import { CredentialStore } from "../../credentials/credential-store.ts";
import { serverOfRegistry } from "../../oci/registry-server.ts";
import { defineCommand } from "../command.ts";
import { parseRegistry } from "../registry/parse-registry.ts";

export const command = defineCommand({
  usage: "[SERVER]",
  flags: {},
  arguments: { min: 0, max: 1 },
  async run({ terminal }, { positionals: [server] }) {
    const registry = parseRegistry(server);
    const isKnown = await CredentialStore.ofUser(terminal.environment).erase(registry);
    const what = isKnown ? "Removing login credentials for" : "Not logged in to";
    await terminal.stdout.write(`${what} ${serverOfRegistry(registry)}\n`);
    return 0;
  },
});
