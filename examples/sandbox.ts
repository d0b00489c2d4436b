/** Runs code that nobody has to trust: no network, 64 MiB, 32 processes, a read-only root, two seconds. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Gantry } from "../src/client/index.ts";

// The command line starts the daemon if none answers; a client alone does not.
execFileSync(join(import.meta.dirname, "../gantry"), ["version"], { stdio: ["ignore", "ignore", "inherit"] });

const state = process.env.GANTRY_STATE ?? "/run/gantry";
const gantry = new Gantry({ host: process.env.GANTRY_HOST ?? `unix://${state}/gantry.sock` });
const { Id: image } = await gantry.api.imageFromHost({ Paths: ["/bin/bash"] });

const script = 'echo "I am process $$ of $HOSTNAME"; : > /etc/passwd || echo "and may not write"';
const result = await gantry.run(image, ["-c", script], {
  HostConfig: { NetworkMode: "none", Memory: 64 << 20, PidsLimit: 32, ReadonlyRootfs: true, CapDrop: ["ALL"] },
  signal: AbortSignal.timeout(2000),
});
process.stdout.write(result.stdout);
process.stdout.write(`it ended with ${result.exitCode}\n`);
