import { ApiError } from "../../api/api-error.ts";
import type { EngineApi } from "../../api/engine-api.ts";
import type { RegistryAuth } from "../../api/image.ts";
import { CredentialStore } from "../../credentials/credential-store.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { serverOfRegistry } from "../../oci/registry-server.ts";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { readPassword } from "../registry/ask-password.ts";
import { connectForLogin } from "../registry/connect-for-login.ts";
import { parseRegistry } from "../registry/parse-registry.ts";
import { typedLines } from "../streams/typed-lines.ts";
import type { Terminal } from "../terminal.ts";

interface Person {
  readonly username: string;
  readonly password: string;
}

export const command = defineCommand({
  usage: "[OPTIONS] [SERVER]",
  flags: {
    password: textFlag("The password, where others can see it: --password-stdin is better", { short: "p" }),
    "password-stdin": switchFlag("Read the password from standard input"),
    username: textFlag("The user's name", { short: "u" }),
  },
  arguments: { min: 0, max: 1 },
  async run(context, { flags, positionals: [server] }) {
    const { terminal } = context;
    const registry = parseRegistry(server);
    const given = await givenPassword(terminal, flags);
    const store = CredentialStore.ofUser(terminal.environment);
    const api = await connectForLogin(context);
    const isComplete = flags.username !== undefined && given !== undefined;
    if (!isComplete && flags.username === undefined && given === undefined) {
      if (await isKnownStill(api, terminal, await store.findRegistry(registry))) return 0;
    }
    const person = await askFor(terminal, { username: flags.username, password: given });
    const serveraddress = serverOfRegistry(registry);
    const { Status, IdentityToken } = await api.logIn({ ...person, serveraddress });
    const kept: RegistryAuth =
      IdentityToken === "" ? person : { username: person.username, identitytoken: IdentityToken };
    const { isPlain } = await store.store(registry, kept);
    if (isPlain) await terminal.stderr.write(warningOf(store.path));
    await terminal.stdout.write(`${Status}\n`);
    return 0;
  },
});

function warningOf(path: string): string {
  return (
    `\nWARNING! Your credentials are stored unencrypted in '${path}'.\n` +
    "Configure a credential helper to remove this warning. See\n" +
    "https://docs.docker.com/go/credential-store/\n\n"
  );
}

async function givenPassword(
  terminal: Terminal,
  flags: {
    readonly password: string | undefined;
    readonly "password-stdin": boolean;
    readonly username: string | undefined;
  },
): Promise<string | undefined> {
  if (flags.password !== undefined) {
    await terminal.stderr.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
    if (flags["password-stdin"]) throw new Error("--password and --password-stdin are mutually exclusive");
  }
  if (!flags["password-stdin"]) return flags.password;
  if (flags.username === undefined) throw new Error("Must provide --username with --password-stdin");
  return await readPassword(terminal);
}

/** Whether credentials from before still do; those that do not are asked for again. */
async function isKnownStill(
  api: Pick<EngineApi, "logIn">,
  terminal: Terminal,
  auth: RegistryAuth | undefined,
): Promise<boolean> {
  if (auth === undefined) return false;
  await terminal.stdout.write("Authenticating with existing credentials...\n");
  try {
    const { Status } = await api.logIn(auth);
    await terminal.stdout.write(`${Status}\n`);
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await terminal.stderr.write(`Stored credentials invalid or expired: ${formatError(error)}\n`);
    return false;
  }
}

/** The registry does not take the credentials; a daemon's 403 says something else. */
function isRefusal(error: unknown): boolean {
  return error instanceof ApiError ? error.status === 401 : isGantryError(error, "permission-denied");
}

async function askFor(
  terminal: Terminal,
  { username, password }: { readonly username: string | undefined; readonly password: string | undefined },
): Promise<Person> {
  if (username !== undefined && password !== undefined) return checked({ username, password });
  if (!terminal.stdin.isTerminal) throw new Error("Cannot perform an interactive login from a non TTY device");
  const typed = typedLines(terminal);
  const ask = async (prompt: string): Promise<string> => {
    await terminal.stderr.write(prompt);
    const { value } = await typed.next();
    if (value === undefined) throw new Error("the login was called off");
    return value;
  };
  try {
    const name = username ?? (await ask("Username: ")).trim();
    if (password !== undefined) return checked({ username: name, password });
    using _raw = terminal.stdin.setRawMode();
    const secret = await ask("Password: ");
    await terminal.stderr.write("\r\n");
    return checked({ username: name, password: secret });
  } finally {
    await typed.return();
  }
}

function checked(person: Person): Person {
  if (person.username === "") throw new Error("username is required");
  if (person.password === "") throw new Error("password is required");
  return person;
}
