import { spawn } from "node:child_process";
import { GantryError } from "../errors/gantry-error.ts";

export interface HelperAnswer {
  readonly username: string;
  /** A password, or, of the user `<token>`, an identity token. */
  readonly secret: string;
}

export interface CredentialHelper {
  /** Undefined if it has nothing for the server. */
  get(server: string): Promise<HelperAnswer | undefined>;
  store(server: string, answer: HelperAnswer): Promise<void>;
  /** Idempotent. */
  erase(server: string): Promise<void>;
}

const OUTPUT_BYTES_MAX = 1024 * 1024;
/** What helpers print for a server that they do not have (docker-credential-helpers, `credentials/error.go`). */
const NOTHING = "credentials not found in native keychain";

/**
 * The program `docker-credential-NAME`, that keeps credentials in a keychain (the protocol of docker-credential-helpers: what is
 * asked on its standard input, the answer on its standard output, never an argument that others could see).
 */
export function credentialHelper(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): CredentialHelper {
  const program = `docker-credential-${name}`;
  const call = (action: string, input: string): Promise<string> => runHelper([program, action], input, environment);
  return {
    async get(server) {
      const text = await call("get", server);
      if (text.trim() === NOTHING) return undefined;
      try {
        const { Username, Secret } = JSON.parse(text) as { Username?: unknown; Secret?: unknown };
        if (typeof Username === "string" && typeof Secret === "string") return { username: Username, secret: Secret };
      } catch {
        // Told below, without what it printed.
      }
      throw new GantryError("unavailable", `the credential helper ${program} gave an answer that cannot be understood`);
    },
    async store(server, { username, secret }) {
      await call("store", JSON.stringify({ ServerURL: server, Username: username, Secret: secret }));
    },
    async erase(server) {
      await call("erase", server);
    },
  };
}

/** @returns what it printed, also where it says that it has nothing. */
async function runHelper(
  [program, action]: readonly [string, string],
  input: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  if (!/^docker-credential-[\w.-]+$/.test(program)) {
    throw new GantryError("invalid-argument", `${JSON.stringify(program)} is no name of a credential helper`);
  }
  const child = spawn(program, [action], { env: environment, stdio: ["pipe", "pipe", "inherit"] });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (output.length < OUTPUT_BYTES_MAX) output += chunk.toString("utf8");
  });
  child.on("error", (cause) => {
    const isMissing = "code" in cause && cause.code === "ENOENT";
    const why = isMissing ? "it is not installed" : "it cannot be started";
    reject(
      new GantryError("unavailable", `cannot use the credential helper ${program}: ${why}`, {
        ...(isMissing ? { hint: "install it, or take credsStore and credHelpers out of config.json" } : {}),
        cause: isMissing ? undefined : cause,
      }),
    );
  });
  child.on("close", resolve);
  // One that does not read what it is told has its reasons: its status says more than our failed write.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const status = await promise;
  if (status === 0 || output.trim() === NOTHING) return output;
  // Of a failure it prints the reason; a secret is in its input alone.
  const reason = output.trim().split("\n")[0] ?? "";
  const told = reason === "" ? `it ended with status ${status}` : reason;
  throw new GantryError("unavailable", `the credential helper ${program} cannot ${action}: ${told}`);
}
