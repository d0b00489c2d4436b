import { expect, test } from "bun:test";
import { readTomlTables } from "./toml-tables.ts";

function read(
  value: unknown,
  path = "hook",
): { readonly names: readonly unknown[]; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const names = readTomlTables(value, { path, known: ["name"], problems }, ({ name }, at) => {
    if (name === undefined) problems.push(`${at}.name is missing`);
    return name;
  });
  return { names, problems };
}

test("a list of tables is read one after the other, and what is wrong with it is told by its place", () => {
  expect(read(undefined)).toEqual({ names: [], problems: [] });
  expect(read([{ name: "a" }, 7, { names: "b" }, { name: "c" }])).toEqual({
    names: ["a", "c"],
    problems: ["hook[1] is not a table", "hook[2].names is not known (name is)", "hook[2].name is missing"],
  });
});

test("what is no list of tables is told as it is to be written", () => {
  const problem = "hook[1].retry is not a list of tables: write [[hook.retry]]";
  expect(read({ name: "a" }, "hook[1].retry")).toEqual({ names: [], problems: [problem] });
});
