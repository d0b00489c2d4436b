/** Packages everything into one file, `dist/gantry` or the one that is named: the program, its workers and the native helper. */
import { rename, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { computeBuildId } from "../src/platform/build-id.ts";
import { WORKER_ENTRYPOINTS } from "./worker-entrypoints.ts";

const root = join(import.meta.dir, "..");
const outfile = resolve(process.argv[2] ?? join(root, "dist", "gantry"));
const temporary = `${outfile}.${process.pid}.tmp`;
const helper = join(root, "dist", "native", "gantry-helper");

process.stderr.write("gantry: packaging into one file…\n");
const result = await Bun.build({
  entrypoints: [join(root, "src/cli/main.ts"), ...WORKER_ENTRYPOINTS.map((path) => join(root, path)), helper],
  root,
  target: "bun",
  minify: true,
  bytecode: true,
  splitting: true,
  // Together they let a command load its own code alone; with bytecode a start takes half of the time.
  format: "esm",
  loader: { "": "file" },
  naming: { asset: "[name].[ext]" },
  define: { "process.env.GANTRY_BUILD_ID": JSON.stringify(computeBuildId(root)) },
  compile: { outfile: temporary, autoloadDotenv: false, autoloadBunfig: false },
});
if (!result.success) {
  for (const log of result.logs) process.stderr.write(`${log}\n`);
  process.exit(1);
}
await rename(temporary, outfile);
const { size } = await stat(outfile);
process.stderr.write(`gantry: ${outfile} is ready (${Math.round(size / 1e6)} MB)\n`);
