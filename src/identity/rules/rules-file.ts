import { basename, dirname, resolve } from "node:path";
import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { fileStamp, isPathTaken, readTextFile } from "../../platform/text-file.ts";
import { joinProblems } from "../../toml/toml-problems.ts";
import { type AccessRules, CLOSED_RULES, isOpen, NO_RULES } from "./access-rules.ts";
import { type ParsedAccess, parseAccessRules } from "./parse-access-rules.ts";

export interface RulesFileOptions {
  readonly path: string;
  /** Is told in one sentence when the file changed and cannot be used. */
  readonly warn: (sentence: string) => void;
}

/** Stamps of the files that the rules are in, each taken before it is read: what changes meanwhile is seen the next time. */
type Stamps = Map<string, string>;

/** A file of rules, as it was read. */
export interface ReadRules {
  /** "" without a file. */
  readonly text: string;
  readonly rules: AccessRules;
  /** The users that it names itself: all others are the password file's alone. */
  readonly ownUsers: ReadonlySet<string>;
}

/**
 * Reads the rules at `path` and the password file that they name; without a file there are none. A link that leads nowhere is a file that
 * cannot be read: it must not let everybody in.
 *
 * @param stamps takes those of the files, whether or not they can be used.
 * @throws `invalid-argument` naming everything that is wrong
 */
export function readRules(path: string, stamps: Stamps = new Map()): ReadRules {
  stamps.set(path, fileStamp(path));
  if (!isPathTaken(path)) return { text: "", rules: NO_RULES, ownUsers: new Set() };
  const text = readTextFile(path);
  const { problems, ...read } = parseRulesOf(path, text, stamps);
  if (problems.length === 0) return { text, ...read };
  throw new GantryError("invalid-argument", `invalid ${path}: ${joinProblems(problems)}`);
}

/** What the file at `path` says, or would say, with this text. @param stamps takes that of the password file. */
export function parseRulesOf(path: string, text: string, stamps: Stamps = new Map()): ParsedAccess {
  return parseAccessRules(text, {
    fileName: basename(path),
    readHtpasswd(name) {
      const file = resolve(dirname(path), name);
      stamps.set(file, fileStamp(file));
      return readTextFile(file);
    },
  });
}

/** The rules as their file says now: it is read again when it, or the password file that it names, has changed. */
export class RulesFile {
  readonly #options: RulesFileOptions;
  #rules: AccessRules;
  /** The file as it is now cannot be used. */
  #isUnusable = false;
  #stamps: Stamps = new Map();

  /** @throws as `readRules`: a registry does not begin with rules that nobody understands. */
  constructor(options: RulesFileOptions) {
    this.#options = options;
    this.#rules = readRules(options.path, this.#stamps).rules;
  }

  /** What held when it was last looked at. */
  get latest(): AccessRules {
    // Whoever writes such a file, however badly, does not want everybody in.
    return this.#isUnusable && isOpen(this.#rules) ? CLOSED_RULES : this.#rules;
  }

  /**
   * What holds now. A file that cannot be used leaves the rules as they were, or lets nobody do anything where there were none. Rules stay, too, if
   * it names nobody any more while there were users: an editor that writes in two steps must not open the registry to everybody for a moment.
   */
  current(): AccessRules {
    const { path } = this.#options;
    if ([...this.#stamps].every(([file, stamp]) => fileStamp(file) === stamp)) return this.latest;
    this.#stamps = new Map();
    this.#isUnusable = false;
    try {
      const { rules } = readRules(path, this.#stamps);
      if (isOpen(rules) && !isOpen(this.#rules)) {
        this.#warn(
          `${path} has neither users nor rights any more (restart the registry if everybody is to do everything)`,
        );
      } else this.#rules = rules;
    } catch (error) {
      this.#isUnusable = true;
      this.#warn(formatError(error));
    }
    return this.latest;
  }

  #warn(why: string): void {
    this.#options.warn(
      `${why}; until then ${isOpen(this.#rules) ? "nobody may do anything" : "the rules before hold"}`,
    );
  }
}
