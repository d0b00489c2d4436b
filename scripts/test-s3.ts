/**
 * The registry's tests once more, with blobs in a bucket of a real S3 server: `npm run test:s3`. With `--install` the server is built
 * first, which takes minutes; without it, it has to be there.
 */
import { join } from "node:path";
import { inTestBucket } from "../test/support/bucket-root.ts";
import { findS3Server, S3Server } from "../test/support/s3-server.ts";

const root = join(import.meta.dir, "..");
const FILES = ["src/doors/registry/", "src/distribution/repositories/uploads/uploads.test.ts", "test/s3/"];

if (process.argv.includes("--install")) {
  const install = Bun.spawn(["sh", join(root, "scripts/install-s3-server.sh")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await install.exited) !== 0) process.exit(1);
}
const program = findS3Server();
if (program === undefined) {
  process.stdout.write("skipped: there is no S3 server here: npm run test:s3 -- --install builds one\n");
  process.exit(0);
}
await using server = await S3Server.start(program);
const tests = Bun.spawn([process.execPath, "test", "--timeout=60000", ...FILES.map((path) => `./${path}`)], {
  cwd: root,
  stdio: ["ignore", "inherit", "inherit"],
  env: { ...process.env, ...inTestBucket(server) },
});
process.exitCode = await tests.exited;
