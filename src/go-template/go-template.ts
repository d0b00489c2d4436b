import { evaluate, type LookupOptions } from "./evaluate.ts";
import { BUILT_IN_FUNCTIONS, type FunctionTable } from "./functions.ts";
import { parseTemplate } from "./parse-template.ts";

/** A template that has been read and can be carried out any number of times. */
export interface Template {
  /**
   * What the template prints for `data`: plain objects, arrays, strings, numbers, booleans and null; a property that is
   * a function is a method, called with the arguments that follow it.
   *
   * @throws `TemplateError` in Go's words, with the place.
   */
  render(data: unknown, options?: LookupOptions & { readonly functions?: FunctionTable }): string;
}

const isBuiltIn = (name: string): boolean => name === "and" || name === "or" || Object.hasOwn(BUILT_IN_FUNCTIONS, name);

/**
 * Reads a template in the language of Go's text/template with Docker's functions: fields, pipelines, variables,
 * if/else/with/range, break, continue, trim markers, comments. Named templates (`define`, `template`, `block`) are
 * refused by name.
 *
 * Source: pkg.go.dev/text/template; docker/cli `templates`.
 *
 * @throws `TemplateError`.
 */
export function parseGoTemplate(source: string): Template {
  const nodes = parseTemplate(source, isBuiltIn);
  return {
    render(data, { functions, ...lookup } = {}) {
      const table = functions === undefined ? BUILT_IN_FUNCTIONS : { ...BUILT_IN_FUNCTIONS, ...functions };
      return evaluate(nodes, data, { source, functions: table, lookup });
    },
  };
}
