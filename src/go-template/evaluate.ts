import { formatValue, isTruthy, sortedKeys, typeName } from "./format-value.ts";
import type { FunctionTable } from "./functions.ts";
import type { BranchNode, Command, Node, Operand, Pipeline } from "./syntax.ts";
import { formatPlace, TemplateError } from "./template-error.ts";

/** How fields are found. */
export interface LookupOptions {
  /**
   * Names of fields that hold maps of free keys: what is not in one of these prints `<no value>`; elsewhere a field that
   * is not there is an error. `all`: every object is such a map.
   * @default none
   */
  readonly maps?: ReadonlySet<string> | "all";
  /**
   * Finds `.ID` where the data has `Id`: for JSON whose names differ from those of the Go types that people write
   * templates for.
   * @default false
   */
  readonly isCaseIgnored?: boolean;
}

interface Scope {
  readonly source: string;
  readonly functions: FunctionTable;
  readonly lookup: LookupOptions;
}

const OUTPUT_LENGTH_MAX = 64 << 20;
const STEPS_MAX = 10_000_000;

/** A value, and the name of the field that it was taken from. */
interface Found {
  readonly value: unknown;
  readonly name: string;
}

/** A call whose method or function is not met with a piped value. */
const NOTHING = Symbol("no piped value");

class Evaluation {
  readonly #scope: Scope;
  #output = "";
  #steps = 0;
  #variables: { name: string; value: unknown }[];

  constructor(scope: Scope, data: unknown) {
    this.#scope = scope;
    this.#variables = [{ name: "$", value: data }];
  }

  get output(): string {
    return this.#output;
  }

  fail(at: { readonly offset: number; readonly source: string }, sentence: string): never {
    const place = formatPlace(this.#scope.source, at.offset);
    throw new TemplateError(`template: :${place}: executing "" at <${at.source}>: ${sentence}`);
  }

  run(nodes: readonly Node[], dot: unknown): "break" | "continue" | undefined {
    for (const node of nodes) {
      if (++this.#steps > STEPS_MAX) throw new TemplateError("template: the template runs too long");
      const jump = this.runNode(node, dot);
      if (jump !== undefined) return jump;
    }
    return undefined;
  }

  print(text: string): void {
    this.#output += text;
    if (this.#output.length > OUTPUT_LENGTH_MAX) throw new TemplateError("template: the output is too long");
  }

  runNode(node: Node, dot: unknown): "break" | "continue" | undefined {
    switch (node.kind) {
      case "text":
        this.print(node.text);
        return undefined;
      case "print": {
        const value = this.pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length > 0) return undefined;
        this.print(value === undefined || value === null ? "<no value>" : formatValue(value));
        return undefined;
      }
      case "if":
      case "with": {
        const mark = this.#variables.length;
        const value = this.pipeline(node.pipeline, dot);
        const branch = isTruthy(value) ? node.body : node.otherwise;
        const jump = this.run(branch, node.kind === "with" && isTruthy(value) ? value : dot);
        this.#variables.length = mark;
        return jump;
      }
      case "range":
        return this.range(node, dot);
      case "break":
      case "continue":
        return node.kind;
    }
  }

  range(node: BranchNode<"range">, dot: unknown): undefined {
    const mark = this.#variables.length;
    const { variables } = node.pipeline;
    const value = this.pipeline({ ...node.pipeline, variables: [] }, dot);
    const last = node.pipeline.commands.at(-1);
    let entries: readonly (readonly [unknown, unknown])[];
    if (value === null || value === undefined) entries = [];
    else if (Array.isArray(value)) entries = value.map((item, position) => [position, item] as const);
    else if (typeof value === "number")
      entries = Array.from({ length: Math.min(value, STEPS_MAX) }, (_, position) => [position, position] as const);
    else if (typeof value === "object") {
      entries = sortedKeys(value).map((key) => [key, (value as Record<string, unknown>)[key]] as const);
    } else {
      entries = last === undefined ? [] : this.fail(last, `range can't iterate over ${formatValue(value)}`);
    }
    for (const [key, item] of entries) {
      const [first, second] = variables;
      const bind = (name: string, bound: unknown) => this.bind(name, bound, node.pipeline.isAssignment);
      if (second !== undefined && first !== undefined) {
        bind(first, key);
        bind(second, item);
      } else if (first !== undefined) bind(first, item);
      const jump = this.run(node.body, item);
      this.#variables.length = mark;
      if (jump === "break") break;
    }
    if (entries.length === 0) this.run(node.otherwise, dot);
    this.#variables.length = mark;
    return undefined;
  }

  bind(name: string, value: unknown, isAssignment: boolean): void {
    const known = isAssignment ? this.#variables.findLast((variable) => variable.name === name) : undefined;
    if (known === undefined) this.#variables.push({ name, value });
    else known.value = value;
  }

  pipeline(pipeline: Pipeline, dot: unknown): unknown {
    let value: unknown = NOTHING;
    for (const command of pipeline.commands) value = this.command(command, dot, value);
    for (const name of pipeline.variables) this.bind(name, value, pipeline.isAssignment);
    return value;
  }

  command(command: Command, dot: unknown, piped: unknown): unknown {
    const [first, ...rest] = command.operands;
    if (first === undefined) return undefined;
    if (first.kind === "function") return this.call(first, rest, dot, piped);
    const { value, name } = this.operandFields(first, dot);
    if (typeof value === "function") {
      const args = rest.map((operand) => this.value(operand, dot));
      return this.apply(value, piped === NOTHING ? args : [...args, piped], first, name);
    }
    if (rest.length > 0 || piped !== NOTHING) {
      this.fail(
        first,
        first.fields.length > 0
          ? `${name} has arguments but cannot be invoked as function`
          : `can't give argument to non-function ${first.source}`,
      );
    }
    if (first.kind === "nil") this.fail(first, "nil is not a command");
    return value;
  }

  call(
    operand: Operand & { readonly kind: "function" },
    rest: readonly Operand[],
    dot: unknown,
    piped: unknown,
  ): unknown {
    if (operand.name === "and" || operand.name === "or") {
      if (rest.length === 0 && piped === NOTHING) {
        this.fail(operand, `wrong number of args for ${operand.name}: want at least 1 got 0`);
      }
      let value: unknown = NOTHING;
      for (const argument of rest) {
        value = this.value(argument, dot);
        if (isTruthy(value) === (operand.name === "or")) return value;
      }
      return piped === NOTHING ? value : piped;
    }
    const implementation = Object.hasOwn(this.#scope.functions, operand.name)
      ? this.#scope.functions[operand.name]
      : undefined;
    if (implementation === undefined)
      return this.fail(operand, `${JSON.stringify(operand.name)} is not a defined function`);
    const args = rest.map((argument) => this.value(argument, dot));
    const value = this.apply(implementation, piped === NOTHING ? args : [...args, piped], operand, operand.name);
    return operand.fields.length === 0 ? value : this.fields({ value, name: "" }, operand).value;
  }

  apply(callee: unknown, args: readonly unknown[], at: Operand, name: string): unknown {
    try {
      return (callee as (...values: readonly unknown[]) => unknown)(...args);
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      return this.fail(at, `error calling ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** An operand as an argument: methods are called without arguments. */
  value(operand: Operand, dot: unknown): unknown {
    if (operand.kind === "function") return this.call(operand, [], dot, NOTHING);
    const { value, name } = this.operandFields(operand, dot);
    return typeof value === "function" ? this.apply(value, [], operand, name) : value;
  }

  operandFields(operand: Operand, dot: unknown): Found {
    switch (operand.kind) {
      case "dot":
        return this.fields({ value: dot, name: "" }, operand);
      case "nil":
        return { value: null, name: "" };
      case "literal":
        return this.fields({ value: operand.value, name: "" }, operand);
      case "variable": {
        const variable = this.#variables.findLast(({ name }) => name === operand.name);
        return this.fields({ value: variable?.value, name: "" }, operand);
      }
      case "pipeline":
        return this.fields({ value: this.pipeline(operand.pipeline, dot), name: "" }, operand);
      case "function":
        return { value: this.call(operand, [], dot, NOTHING), name: operand.name };
    }
  }

  fields(start: Found, operand: Operand): Found {
    return operand.fields.reduce<Found>((found, field) => {
      const holder = typeof found.value === "function" ? this.apply(found.value, [], operand, found.name) : found.value;
      return { value: this.field({ value: holder, name: found.name }, field, operand), name: field };
    }, start);
  }

  field({ value, name }: Found, field: string, at: Operand): unknown {
    const { maps, isCaseIgnored } = this.#scope.lookup;
    const isMap = maps === "all" || (maps?.has(name) ?? false);
    if (value === null || value === undefined) {
      return isMap ? undefined : this.fail(at, `nil pointer evaluating interface {}.${field}`);
    }
    if (typeof value !== "object" || Array.isArray(value)) {
      return this.fail(at, `can't evaluate field ${field} in type ${typeName(value)}`);
    }
    const object = value as Readonly<Record<string, unknown>>;
    if (Object.hasOwn(object, field)) return object[field];
    if (isMap) return undefined;
    if (isCaseIgnored) {
      const lower = field.toLowerCase();
      const key = Object.keys(object).find((candidate) => candidate.toLowerCase() === lower);
      if (key !== undefined) return object[key];
    }
    return this.fail(at, `map has no entry for key ${JSON.stringify(field)}`);
  }
}

/** Carries out a template that has been read; gives what it printed. */
export function evaluate(nodes: readonly Node[], data: unknown, scope: Scope): string {
  const evaluation = new Evaluation(scope, data);
  evaluation.run(nodes, data);
  return evaluation.output;
}
