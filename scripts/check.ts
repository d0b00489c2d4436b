/** Types, formatting and lint of the whole checkout. The import rules are a test: test/layers.test.ts. */
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const checks = [
  { name: "types", command: ["node_modules/.bin/tsc"] },
  {
    name: "lint and format (`npm run format` mends what it can)",
    command: ["node_modules/.bin/biome", "check", "--error-on-warnings", "."],
  },
];

const failed: string[] = [];
for (const { name, command } of checks) {
  const child = Bun.spawn(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if ((await child.exited) !== 0) failed.push(name);
}
process.stderr.write(failed.length === 0 ? "checks: all fine\n" : `checks: failed: ${failed.join(", ")}\n`);
process.exit(failed.length === 0 ? 0 : 1);
