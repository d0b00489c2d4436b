/** A pattern of repository names, as written: `team/*`, `team/**`, `{user}/**`. */
export type RepositoryPattern = string & { readonly __brand: "RepositoryPattern" };

const COMPONENT = /^(?:\*\*|(?:[a-z0-9._-]|\*(?!\*)|\{user\})+)$/;
const PATTERN_LENGTH_MAX = 255;
const COMPONENTS_MAX = 32;

/** The pattern that `text` is, or undefined. `*` stands for any part of one component, `**` for any number of components. */
export function parseRepositoryPattern(text: string): RepositoryPattern | undefined {
  const components = text.split("/");
  const isPattern =
    text.length <= PATTERN_LENGTH_MAX &&
    components.length <= COMPONENTS_MAX &&
    components.every((component) => COMPONENT.test(component));
  return isPattern ? (text as RepositoryPattern) : undefined;
}

/** What every repository begins with that one of the patterns stands for: what begins otherwise need not be looked at. */
export function commonBeginning(patterns: readonly RepositoryPattern[], user: string | undefined): string {
  const beginnings = patterns.map(
    (pattern) => pattern.replaceAll("{user}", () => user ?? "{user}").split("*", 1)[0] ?? "",
  );
  const sorted = beginnings.toSorted();
  const [first = "", last = ""] = [sorted[0], sorted.at(-1)];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length += 1;
  return first.slice(0, length);
}

/** True if `text` is matched by `glob`, whose `*` stand for anything. Takes at most their lengths' product of steps. */
function matchesGlob(glob: string, text: string): boolean {
  let at = 0;
  let place = 0;
  let star = -1;
  let resume = 0;
  while (place < text.length) {
    if (glob[at] === "*") {
      star = at;
      at += 1;
      resume = place;
    } else if (at < glob.length && glob[at] === text[place]) {
      at += 1;
      place += 1;
    } else if (star >= 0) {
      at = star + 1;
      resume += 1;
      place = resume;
    } else {
      return false;
    }
  }
  while (glob[at] === "*") at += 1;
  return at === glob.length;
}

/**
 * True if `pattern` stands for `repository`. `**` at its end means what is below: `team/**` is `team/app` and `team/app/web`, not
 * `team`. `{user}` is the name of who asks, as it is: what it holds is no pattern, and nobody anonymous has one.
 */
export function matchesRepository(pattern: RepositoryPattern, repository: string, user: string | undefined): boolean {
  if (pattern.includes("{user}") && (user === undefined || !/^[^*/]+$/.test(user))) return false;
  const globs = pattern.split("/").map((component) => component.replaceAll("{user}", () => user ?? ""));
  const components = repository.split("/");
  // Whether the globs from `i` on match the components from `j` on, from the last pair to the first.
  let below = new Array<boolean>(components.length + 1).fill(false);
  below[components.length] = true;
  for (let i = globs.length - 1; i >= 0; i -= 1) {
    const glob = globs[i] ?? "";
    const isLast = i === globs.length - 1;
    const row = new Array<boolean>(components.length + 1).fill(false);
    for (let j = components.length; j >= 0; j -= 1) {
      if (glob === "**") {
        const isNothing = below[j] === true && !isLast;
        row[j] = isNothing || (j < components.length && (row[j + 1] === true || (isLast && below[j + 1] === true)));
      } else {
        row[j] = j < components.length && below[j + 1] === true && matchesGlob(glob, components[j] ?? "");
      }
    }
    below = row;
  }
  return below[0] === true;
}
