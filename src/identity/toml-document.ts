import { type AST, ParseError, parseTOML } from "toml-eslint-parser";

/** A TOML file's values, and where they stand. */
export interface TomlDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** Top-level key/value pairs and tables, in the order of the file, with the offsets of their text. */
  readonly nodes: readonly AST.TOMLTopLevelTable["body"][number][];
  /** The line of a value: `lineOf(["rights", 0, "users"])`; of what holds it, if it is not there itself. */
  lineOf(path: readonly (string | number)[]): number;
}

/** A TOML file that cannot be read. */
export interface TomlFailure {
  readonly line: number;
  readonly message: string;
}

type Path = readonly (string | number)[];

const joined = (path: Path): string => JSON.stringify(path);

function keysOf(key: AST.TOMLKey): readonly string[] {
  return key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}

function noteValue(lines: Map<string, number>, path: Path, node: AST.TOMLContentNode): void {
  lines.set(joined(path), node.loc.start.line);
  if (node.type === "TOMLArray") {
    node.elements.forEach((element, index) => {
      noteValue(lines, [...path, index], element);
    });
  } else if (node.type === "TOMLInlineTable") {
    for (const pair of node.body) noteValue(lines, [...path, ...keysOf(pair.key)], pair.value);
  }
}

function noteLines(body: TomlDocument["nodes"]): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const node of body) {
    if (node.type === "TOMLKeyValue") {
      noteValue(lines, keysOf(node.key), node.value);
      continue;
    }
    lines.set(joined(node.resolvedKey), node.loc.start.line);
    for (const pair of node.body) noteValue(lines, [...node.resolvedKey, ...keysOf(pair.key)], pair.value);
  }
  return lines;
}

type Container = Record<string | number, unknown>;

/** Without a prototype, so that `__proto__` is a key like any other: the parser's own `getStaticTOMLValue` changes Object.prototype. */
function newTable(): Container {
  return Object.create(null) as Container;
}

/** What stands at `path`, made on the way: a list where a number follows, else a table. */
function containerAt(root: Container, path: Path): Container {
  return path.reduce<Container>((container, key, index) => {
    if (!Object.hasOwn(container, key)) {
      container[key] = typeof path[index + 1] === "number" ? [] : newTable();
    }
    return container[key] as Container;
  }, root);
}

function assign(container: Container, pairs: readonly AST.TOMLKeyValue[]): Container {
  for (const { key, value } of pairs) {
    const keys = keysOf(key);
    containerAt(container, keys.slice(0, -1))[keys.at(-1) ?? ""] = contentOf(value);
  }
  return container;
}

function contentOf(node: AST.TOMLContentNode): unknown {
  if (node.type === "TOMLArray") return node.elements.map(contentOf);
  if (node.type === "TOMLInlineTable") return assign(newTable(), node.body);
  return node.value;
}

function contentOfDocument(nodes: TomlDocument["nodes"]): Container {
  const root = newTable();
  for (const node of nodes) {
    if (node.type === "TOMLKeyValue") assign(root, [node]);
    else assign(containerAt(root, node.resolvedKey), node.body);
  }
  return root;
}

/** Reads TOML 1.0 with the places of its values. Total. */
export function parseTomlDocument(text: string): TomlDocument | TomlFailure {
  try {
    // A mark that some editors begin with; white space in its place leaves every offset as it is.
    const program = parseTOML(text.replace(/^\uFEFF/, " "), { tomlVersion: "1.0.0" });
    const nodes = program.body[0].body;
    const lines = noteLines(nodes);
    return {
      value: contentOfDocument(nodes),
      nodes,
      lineOf(path) {
        for (let length = path.length; length > 0; length -= 1) {
          const line = lines.get(joined(path.slice(0, length)));
          if (line !== undefined) return line;
        }
        return 1;
      },
    };
  } catch (error) {
    if (error instanceof ParseError) return { line: error.lineNumber, message: error.message };
    // A parser that recurses ends deep nesting with a RangeError, and one that makes a text out of an argument for each character long ones.
    const message =
      error instanceof RangeError ? "it is nested too deeply, or a value of it is too long" : String(error);
    return { line: 1, message };
  }
}
