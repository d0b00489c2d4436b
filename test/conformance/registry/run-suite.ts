import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RegistryProcess } from "../../support/registry-process.ts";
import { requireS3Server, S3Server, writeBucketConfig } from "../../support/s3-server.ts";
import { buildRegistrySuite } from "./build-suite.ts";
import { parseReport, type RegistryReport } from "./parse-report.ts";

/** Everything that the suite can ask, drafts of version 1.2 and what registries need not have included. */
const EVERYTHING = {
  OCI_VERSION: "dev",
  OCI_TLS: "disabled",
  OCI_REPO1: "conformance/repo1",
  OCI_REPO2: "conformance/repo2",
  OCI_API_BLOBS_UPLOAD_CANCEL: "true",
  OCI_API_MANIFESTS_TAG_PARAM: "true",
  OCI_API_BLOBS_DIGEST_HEADER: "true",
  OCI_API_MANIFESTS_DIGEST_HEADER: "true",
  OCI_DATA_SPARSE: "true",
} as const;

/**
 * Runs the specification's suite against a registry, and prints each test that does not pass.
 *
 * @param options.url of a registry that runs, `http://HOST:PORT`. @default ours, with a root of its own
 * @param options.isInBucket keep the blobs of ours in a bucket. @default false
 */
export async function runRegistrySuite(options: {
  readonly url?: string;
  readonly isInBucket?: boolean;
}): Promise<RegistryReport> {
  const program = buildRegistrySuite();
  const results = mkdtempSync(join(tmpdir(), "gantry-conformance-"));
  try {
    if (options.url !== undefined) return await run(program, new URL(options.url).host, results);
    await using server = options.isInBucket === true ? await S3Server.start(requireS3Server()) : undefined;
    const config = server === undefined ? [] : ["--config", writeBucketConfig(server)];
    await using registry = await RegistryProcess.start({ args: ["--allow-sparse", ...config] });
    return await run(program, registry.host, results);
  } finally {
    rmSync(results, { recursive: true, force: true });
  }
}

async function run(program: string, host: string, results: string): Promise<RegistryReport> {
  const child = Bun.spawn([program], {
    cwd: results,
    env: {
      ...process.env,
      ...EVERYTHING,
      OCI_REGISTRY: host,
      OCI_RESULTS_DIR: results,
      OCI_CONFIGURATION: "/dev/null",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  const report = parseReport(output === "" ? errors : output);
  for (const { name, status, why } of report.others) {
    process.stdout.write(`${status} ${name}\n${why.map((line) => `  ${line}\n`).join("")}`);
  }
  return report;
}
