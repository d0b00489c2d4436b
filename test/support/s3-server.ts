import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./daemon.ts";

export const S3_TEST_BUCKET = "images";
export const S3_TEST_ENVIRONMENT = { AWS_ACCESS_KEY_ID: "gantry-test", AWS_SECRET_ACCESS_KEY: "gantry-test-secret" };

/** What `scripts/install-s3-server.sh` builds. */
export function findS3Server(): string | undefined {
  return (
    Bun.which("s3s-fs", { PATH: `${process.env.PATH ?? ""}:${join(homedir(), ".cache/gantry-s3/bin")}` }) ?? undefined
  );
}

/** As `findS3Server`. @throws what to do where there is none */
export function requireS3Server(): string {
  const program = findS3Server();
  if (program !== undefined) return program;
  throw new Error("there is no S3 server here: scripts/install-s3-server.sh builds one");
}

/** A real S3 server (s3s-fs, in Rust) with one bucket, until it is disposed. */
export class S3Server implements AsyncDisposable {
  readonly endpoint: string;
  readonly folder: string;
  readonly #program: string;
  #child: Bun.Subprocess | undefined;

  private constructor(program: string, endpoint: string, folder: string) {
    this.#program = program;
    this.endpoint = endpoint;
    this.folder = folder;
  }

  static async start(program: string): Promise<S3Server> {
    const folder = mkdtempSync(join(tmpdir(), "gantry-s3-server-"));
    mkdirSync(join(folder, S3_TEST_BUCKET));
    const server = new S3Server(program, `http://127.0.0.1:${await freePort()}`, folder);
    await server.run();
    return server;
  }

  /** Runs it where it ran before it was killed. */
  async run(): Promise<void> {
    const { port } = new URL(this.endpoint);
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = S3_TEST_ENVIRONMENT;
    const keys = ["--access-key", AWS_ACCESS_KEY_ID, "--secret-key", AWS_SECRET_ACCESS_KEY];
    this.#child = Bun.spawn([this.#program, "--host", "127.0.0.1", "--port", port, ...keys, this.folder], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    await until("the S3 server listens", async () => {
      const answer = await fetch(this.endpoint).catch(() => undefined);
      await answer?.body?.cancel();
      return answer !== undefined;
    });
  }

  /** Ends it at once; what it keeps is left. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A `registry.toml` whose blobs are in the server's bucket, with its keys. */
export function writeBucketConfig({ endpoint, folder }: S3Server, lines = ""): string {
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const id = file("access-key-id", S3_TEST_ENVIRONMENT.AWS_ACCESS_KEY_ID);
  const secret = file("secret-access-key", S3_TEST_ENVIRONMENT.AWS_SECRET_ACCESS_KEY);
  const keys = `access-key-id-file = "${id}"\nsecret-access-key-file = "${secret}"\n`;
  return file("registry.toml", `[storage.s3]\nbucket = "${S3_TEST_BUCKET}"\nendpoint = "${endpoint}"\n${keys}${lines}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
