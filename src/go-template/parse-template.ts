import { type Segment, scanTemplate, type Token } from "./scan-template.ts";
import type { Command, Node, Operand, Pipeline } from "./syntax.ts";
import { TemplateError } from "./template-error.ts";

const DEPTH_MAX = 100;
const BLOCKS: readonly string[] = ["if", "with", "range"];
const NOT_THERE: readonly string[] = ["define", "template", "block"];

/** Reads one action's tokens from left to right. */
class ActionReader {
  #index = 0;
  readonly #tokens: readonly Token[];
  readonly #context: ParseContext;

  constructor(tokens: readonly Token[], context: ParseContext) {
    this.#tokens = tokens;
    this.#context = context;
  }

  fail(sentence: string): never {
    const offset = this.#tokens[Math.min(this.#index, this.#tokens.length - 1)]?.offset ?? 0;
    return this.#context.fail(offset, sentence);
  }

  skipSpace(): void {
    while (this.#tokens[this.#index]?.kind === "space") this.#index++;
  }

  /** The next token that is no space, which stays. */
  peek(): Token | undefined {
    this.skipSpace();
    return this.#tokens[this.#index];
  }

  next(): Token | undefined {
    const token = this.peek();
    if (token !== undefined) this.#index++;
    return token;
  }

  /** The token that follows without a space between. */
  adjacent(): Token | undefined {
    return this.#tokens[this.#index];
  }

  takeKeyword(): string | undefined {
    const token = this.peek();
    return token?.kind === "identifier" ? token.text : undefined;
  }

  isSymbol(text: string): boolean {
    const token = this.peek();
    return token?.kind === "symbol" && token.text === text;
  }

  parseFields(): string[] {
    const fields: string[] = [];
    for (let token = this.adjacent(); token?.kind === "field"; token = this.adjacent()) {
      fields.push(token.text.slice(1));
      this.#index++;
    }
    return fields;
  }

  parseOperand(depth: number): Operand {
    const token = this.next();
    if (token === undefined) return this.fail("missing value for command");
    const rest = (): Pick<Operand, "fields" | "offset" | "source"> => {
      const fields = this.parseFields();
      return { fields, offset: token.offset, source: token.text + fields.map((field) => `.${field}`).join("") };
    };
    switch (token.kind) {
      case "field": {
        const { fields, offset, source } = rest();
        return { kind: "dot", fields: [token.text.slice(1), ...fields], offset, source };
      }
      case "variable":
        if (!this.#context.variables.includes(token.text))
          this.fail(`undefined variable ${JSON.stringify(token.text)}`);
        return { kind: "variable", name: token.text, ...rest() };
      case "string":
      case "number":
        return { kind: "literal", value: token.value, ...rest() };
      case "identifier":
        if (token.text === "true" || token.text === "false") {
          return { kind: "literal", value: token.text === "true", ...rest() };
        }
        if (token.text === "nil") return { kind: "nil", ...rest() };
        if (!this.#context.isFunction(token.text)) {
          this.#context.fail(token.offset, `function ${JSON.stringify(token.text)} not defined`);
        }
        return { kind: "function", name: token.text, ...rest() };
      case "symbol":
        if (token.text === ".") return { kind: "dot", ...rest() };
        if (token.text === "(") {
          const pipeline = this.parsePipeline(depth + 1);
          if (!this.isSymbol(")")) this.fail("unclosed left paren");
          this.next();
          return { kind: "pipeline", pipeline, ...rest() };
        }
        return this.fail(`unexpected ${JSON.stringify(token.text)} in operand`);
      case "space":
        return this.fail("unexpected space");
    }
  }

  parseCommand(depth: number): Command {
    const first = this.peek();
    const operands: Operand[] = [];
    for (;;) {
      const isSeparated = operands.length === 0 || this.adjacent()?.kind === "space";
      const token = this.peek();
      if (token === undefined || (token.kind === "symbol" && (token.text === "|" || token.text === ")"))) break;
      if (!isSeparated) this.fail(`unexpected ${JSON.stringify(token.text)} in operand`);
      operands.push(this.parseOperand(depth));
    }
    if (operands.length === 0) this.fail("missing value for command");
    return { operands, offset: first?.offset ?? 0, source: operands.map((operand) => operand.source).join(" ") };
  }

  /** `$x :=`, `$x, $y :=`, `$x =` before a pipeline. */
  parseVariables(): { names: string[]; isAssignment: boolean } {
    const start = this.#index;
    const names: string[] = [];
    for (let token = this.peek(); token?.kind === "variable"; token = this.peek()) {
      names.push(token.text);
      this.next();
      if (this.isSymbol(",")) {
        this.next();
        continue;
      }
      if (this.isSymbol(":=") || this.isSymbol("=")) {
        const isAssignment = this.next()?.text === "=";
        return { names, isAssignment };
      }
      break;
    }
    this.#index = start;
    return { names: [], isAssignment: false };
  }

  parsePipeline(depth: number, isRange = false): Pipeline {
    if (depth > DEPTH_MAX) this.fail("the expression is nested too deep");
    const { names, isAssignment } = this.parseVariables();
    if (names.length > (isRange ? 2 : 1)) this.fail("too many declarations");
    if (isAssignment && names.some((name) => !this.#context.variables.includes(name))) {
      this.fail(`undefined variable ${JSON.stringify(names[0])}`);
    }
    const commands = [this.parseCommand(depth)];
    while (this.isSymbol("|")) {
      this.next();
      commands.push(this.parseCommand(depth));
    }
    const misplaced = commands.slice(1).find((command) => command.operands[0]?.kind === "literal");
    if (misplaced !== undefined) this.fail(`non executable command in pipeline stage 2`);
    if (!isAssignment) this.#context.variables.push(...names);
    return { variables: names, isAssignment, commands };
  }

  expectEnd(where: string): void {
    const token = this.peek();
    if (token !== undefined) this.fail(`unexpected ${JSON.stringify(token.text)} in ${where}`);
  }
}

interface ParseContext {
  /** Names in scope. */
  variables: string[];
  readonly isFunction: (name: string) => boolean;
  fail(offset: number, sentence: string): never;
}

/** What ended a list of nodes: nothing more, `{{end}}`, or `{{else …}}` with what follows `else`. */
type Stop = { readonly kind: "eof" | "end" } | { readonly kind: "else"; readonly reader: ActionReader };

class Parser {
  #index = 0;
  readonly #segments: readonly Segment[];
  readonly #context: ParseContext;

  constructor(segments: readonly Segment[], context: ParseContext) {
    this.#segments = segments;
    this.#context = context;
  }

  parseList(depth: number, isInRange: boolean): { nodes: Node[]; stop: Stop } {
    const nodes: Node[] = [];
    for (;;) {
      const segment = this.#segments[this.#index++];
      if (segment === undefined) return { nodes, stop: { kind: "eof" } };
      if (segment.kind === "text") {
        nodes.push({ kind: "text", text: segment.text });
        continue;
      }
      const reader = new ActionReader(segment.tokens, this.#context);
      const keyword = reader.takeKeyword();
      if (keyword === "end" || keyword === "else") {
        reader.next();
        if (keyword === "else") return { nodes, stop: { kind: "else", reader } };
        reader.expectEnd("end");
        return { nodes, stop: { kind: "end" } };
      }
      nodes.push(this.parseAction(reader, keyword, segment.offset, { depth, isInRange }));
    }
  }

  parseAction(
    reader: ActionReader,
    keyword: string | undefined,
    offset: number,
    place: { readonly depth: number; readonly isInRange: boolean },
  ): Node {
    if (place.depth > DEPTH_MAX) this.#context.fail(offset, "the template is nested too deep");
    if (keyword !== undefined && NOT_THERE.includes(keyword)) {
      this.#context.fail(offset, `{{${keyword}}} is not there yet`);
    }
    if (keyword === "break" || keyword === "continue") {
      reader.next();
      reader.expectEnd(keyword);
      if (!place.isInRange) this.#context.fail(offset, `{{${keyword}}} outside {{range}}`);
      return { kind: keyword };
    }
    if (keyword !== undefined && BLOCKS.includes(keyword)) {
      reader.next();
      return this.parseBlock(reader, keyword as "if" | "with" | "range", offset, place);
    }
    if (reader.peek() === undefined) this.#context.fail(offset, "missing value for command");
    const pipeline = reader.parsePipeline(0);
    reader.expectEnd("command");
    return { kind: "print", pipeline };
  }

  parseBlock(
    reader: ActionReader,
    kind: "if" | "with" | "range",
    offset: number,
    place: { readonly depth: number; readonly isInRange: boolean },
  ): Node {
    const outer = [...this.#context.variables];
    if (reader.peek() === undefined) this.#context.fail(offset, `missing value for ${kind}`);
    const pipeline = reader.parsePipeline(0, kind === "range");
    reader.expectEnd(kind);
    const isInRange = place.isInRange || kind === "range";
    const inner = this.parseList(place.depth + 1, isInRange);
    let otherwise: readonly Node[] = [];
    if (inner.stop.kind === "else") {
      const elseReader = inner.stop.reader;
      const keyword = elseReader.takeKeyword();
      if ((keyword === "if" || keyword === "with") && keyword === kind) {
        // `{{else if}}` is an if within the else that shares its `{{end}}`.
        elseReader.next();
        otherwise = [this.parseBlock(elseReader, keyword, offset, { ...place, depth: place.depth + 1 })];
      } else {
        elseReader.expectEnd("else");
        const rest = this.parseList(place.depth + 1, place.isInRange);
        if (rest.stop.kind !== "end")
          this.#context.fail(offset, `unexpected ${rest.stop.kind === "eof" ? "EOF" : "{{else}}"}`);
        otherwise = rest.nodes;
      }
    } else if (inner.stop.kind === "eof") {
      this.#context.fail(offset, "unexpected EOF");
    }
    this.#context.variables = outer;
    return { kind, pipeline, body: inner.nodes, otherwise };
  }
}

/**
 * Reads a template.
 *
 * @param isFunction whether there is a function of that name.
 * @throws `TemplateError` in the words of Go's text/template.
 */
export function parseTemplate(text: string, isFunction: (name: string) => boolean): readonly Node[] {
  const context: ParseContext = {
    variables: ["$"],
    isFunction,
    fail(offset, sentence) {
      throw new TemplateError(`template: :${text.slice(0, offset).split("\n").length}: ${sentence}`);
    },
  };
  const { nodes, stop } = new Parser(scanTemplate(text), context).parseList(0, false);
  if (stop.kind !== "eof") context.fail(text.length, `unexpected {{${stop.kind}}}`);
  return nodes;
}
