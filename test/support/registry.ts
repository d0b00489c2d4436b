import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, skipReason } from "./command.ts";

/** A running registry: Docker's own, as Debian packages it. */
export interface TestRegistry extends Disposable {
  /** `127.0.0.1:PORT`, plain HTTP. */
  readonly host: string;
  /** Where it keeps its content: `docker/registry/v2/…` below. */
  readonly directory: string;
}

/** Why there can be no registry here; undefined if there can. */
export function registrySkipReason(): string | undefined {
  return skipReason({ programs: ["docker-registry", "setpriv", "skopeo"] });
}

export interface TestRegistryOptions {
  /** Names and passwords of those who may use it. @default anybody */
  readonly users?: Readonly<Record<string, string>>;
  /** Files of its certificate and key. @default plain HTTP */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** Starts a registry with empty storage of its own on a free loopback port. It ends with this process at the latest. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { users, tls } = options;
  const directory = mkdtempSync(join(tmpdir(), "gantry-registry-"));
  const config = join(directory, "config.yml");
  writeFileSync(
    config,
    [
      "version: 0.1",
      "log: { level: info, formatter: json }",
      `storage: { filesystem: { rootdirectory: ${directory} }, delete: { enabled: true } }`,
      `http: { addr: "127.0.0.1:0"${tls === undefined ? "" : `, tls: { certificate: ${tls.certificate}, key: ${tls.key} }`} }`,
      users === undefined ? "" : `auth: { htpasswd: { realm: test, path: ${join(directory, "htpasswd")} } }`,
      "",
    ].join("\n"),
  );
  const lines = Object.entries(users ?? {}).map(
    ([name, password]) => `${name}:${Bun.password.hashSync(password, { algorithm: "bcrypt", cost: 4 })}\n`,
  );
  writeFileSync(join(directory, "htpasswd"), lines.join(""));
  const program = findProgram("docker-registry") ?? "docker-registry";
  const child = spawn("setpriv", ["--pdeathsig", "KILL", program, "serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (log.length < 64 * 1024) log += chunk.toString();
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
    if (address !== undefined) resolve(address);
  });
  child.on("error", reject);
  child.on("exit", (status) => reject(new Error(`docker-registry ended with ${status}:\n${log}`)));
  const dispose = (): void => {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    return { host: await promise, directory, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
