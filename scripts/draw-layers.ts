/** Draws the table of `layers.json` into ARCHITECTURE.md, between its marks. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface LayersFile {
  readonly ground: readonly string[];
  readonly folders: Readonly<Record<string, readonly string[]>>;
}

const BEGIN = "<!-- layers: generated from layers.json by scripts/draw-layers.ts -->";
const END = "<!-- layers: end -->";
/** As wide as names get. */
const NAME_LENGTH = 24;

/** The folders from top to bottom, each with what it may import: nothing below a line imports what is above it. */
export function drawLayers({ ground, folders }: LayersFile): string {
  const names = Object.keys(folders).toReversed();
  const short = (name: string): string => name.replace(/^src\//, "");
  const rows = names
    .filter((name) => !ground.includes(name))
    .map((name) => {
      const allowed = (folders[name] ?? []).map((other) => (other === "*" ? "everything" : short(other)));
      return `${short(name).padEnd(NAME_LENGTH)} → ${allowed.join(", ") || "—"}`;
    });
  return ["```", ...rows, `${"(ground)".padEnd(NAME_LENGTH)}   ${ground.map(short).join(", ")}: for all`, "```"].join(
    "\n",
  );
}

/** `document` with a fresh drawing between the marks. */
export function withLayers(document: string, layers: LayersFile): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`ARCHITECTURE.md lacks the marks ${BEGIN} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${drawLayers(layers)}\n${document.slice(end)}`;
}

if (import.meta.main) {
  const root = join(import.meta.dir, "..");
  const path = join(root, "ARCHITECTURE.md");
  const layers = JSON.parse(readFileSync(join(root, "layers.json"), "utf8")) as LayersFile;
  writeFileSync(path, withLayers(readFileSync(path, "utf8"), layers));
}
