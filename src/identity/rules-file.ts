import { readFileSync, type Stats, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { type AccessRules, isOpen, NO_RULES } from "./access-rules.ts";
import { parseAccessRules } from "./parse-access-rules.ts";

const FILE_BYTES_MAX = 4 * 1024 * 1024;
const PROBLEMS_SHOWN = 20;

export interface RulesFileOptions {
  readonly path: string;
  /** Is told in one sentence when the file changed and cannot be used. */
  readonly warn: (sentence: string) => void;
}

function stampOf(path: string): string {
  const stat: Stats | undefined = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.ctimeMs} ${stat.size} ${stat.ino}`;
}

function readText(path: string): string {
  const { size } = statSync(path);
  if (size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
  return readFileSync(path, "utf8");
}

/**
 * Reads the rules at `path` and the password file that they name; without a file there are none.
 *
 * @throws `invalid-argument` naming everything that is wrong, `unavailable` if it cannot be read.
 */
export function readRules(path: string): { readonly rules: AccessRules; readonly files: readonly string[] } {
  const files = [path];
  if (stampOf(path) === "") return { rules: NO_RULES, files };
  let text: string;
  try {
    text = readText(path);
  } catch (cause) {
    throw new GantryError("unavailable", `cannot read ${path}`, { cause });
  }
  const { rules, problems } = parseAccessRules(text, {
    fileName: basename(path),
    readHtpasswd(name) {
      const file = resolve(dirname(path), name);
      files.push(file);
      return readText(file);
    },
  });
  if (problems.length === 0) return { rules, files };
  const shown = problems.slice(0, PROBLEMS_SHOWN).join("; ");
  const more = problems.length > PROBLEMS_SHOWN ? `; and ${problems.length - PROBLEMS_SHOWN} more` : "";
  throw new GantryError("invalid-argument", `invalid ${path}: ${shown}${more}`);
}

/** The rules as their file says now: it is read again when it, or the password file that it names, has changed. */
export class RulesFile {
  readonly #options: RulesFileOptions;
  #rules: AccessRules;
  #files: readonly string[];
  #stamp: string;

  /** @throws as `readRules`: a registry does not begin with rules that nobody understands. */
  constructor(options: RulesFileOptions) {
    this.#options = options;
    const { rules, files } = readRules(options.path);
    this.#rules = rules;
    this.#files = files;
    this.#stamp = this.#currentStamp();
  }

  /** What held when it was last looked at. */
  get latest(): AccessRules {
    return this.#rules;
  }

  /**
   * What holds now. A file that cannot be used leaves the rules as they were, and so does one that names nobody any more while
   * there were users: an editor that writes in two steps must not open the registry to everybody for a moment.
   */
  current(): AccessRules {
    const stamp = this.#currentStamp();
    if (stamp === this.#stamp) return this.#rules;
    this.#stamp = stamp;
    try {
      const { rules, files } = readRules(this.#options.path);
      if (isOpen(rules) && !isOpen(this.#rules)) {
        this.#warn(
          `${this.#options.path} has neither users nor rights any more (restart the registry if everybody is to do everything)`,
        );
        return this.#rules;
      }
      this.#rules = rules;
      this.#files = files;
      this.#stamp = this.#currentStamp();
    } catch (error) {
      this.#warn(error instanceof Error ? error.message : String(error));
    }
    return this.#rules;
  }

  #warn(why: string): void {
    this.#options.warn(`${why}; until then the rules before hold`);
  }

  #currentStamp(): string {
    return this.#files.map(stampOf).join("|");
  }
}
