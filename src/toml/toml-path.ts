const BARE = /^[A-Za-z0-9_-]+$/;
/** What a terminal or a log would not show as it is: control characters, what turns the direction of writing, line separators. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const LENGTH_SHOWN = 80;

/** A text of a file as a sentence about it quotes it: on one line, everything seen, no longer than people read. */
export function quoteTomlText(text: string): string {
  const shown = text.length <= LENGTH_SHOWN ? text : `${text.slice(0, LENGTH_SHOWN)}…`;
  return JSON.stringify(shown).replace(UNSEEN, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** A key as a path has it: quoted where it is not bare. */
export function formatTomlKey(key: string): string {
  return key.length <= LENGTH_SHOWN && BARE.test(key) ? key : quoteTomlText(key);
}

/** Where a value stands: `registry[1].mirror[0].location`, `users."a b"`. */
export function formatTomlPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(extendTomlPath, "");
}

/** A path that is written already, one step further. */
export function extendTomlPath(path: string, step: string | number): string {
  if (typeof step === "number") return `${path}[${step}]`;
  return path === "" ? formatTomlKey(step) : `${path}.${formatTomlKey(step)}`;
}

const PART = String.raw`(?:[\w-]+|"(?:[^"\\]|\\.)*")(?:\[\d+\])*`;
const PATH = new RegExp(String.raw`^${PART}(?:\.${PART})*`);
const LAST_STEP = /(?:\[\d+\]|(?:^|\.)(?:[\w-]+|"(?:[^"\\]|\\.)*"))$/;

/** The path that a problem begins with (`scrub.rate is no number`); "" if it begins with none. */
export function leadingTomlPath(problem: string): string {
  return PATH.exec(problem)?.[0] ?? "";
}

/** The path of what holds a value; "" for what is held by the document itself. */
export function parentTomlPath(path: string): string {
  return path.replace(LAST_STEP, "");
}
