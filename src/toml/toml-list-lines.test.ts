import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { tomlLines } from "./toml-lines.ts";
import { tomlListLines } from "./toml-list-lines.ts";
import { formatTomlPath } from "./toml-path.ts";

test("what lists of the document have is found in its line, and nothing else", () => {
  const toml = [
    "inline = [ # [[no]]",
    "  { a = [1] }, [2,",
    "  3], ]",
    "none = []",
    "a.b = [1]",
    "[[list]] # one",
    'text = """',
    "[[list]]",
    '"""',
    "[[list.below]]",
    "[list.table]",
    "x = [1]",
    '[["li\\u0073t"]]',
    "[table]",
    "[[table.list]]",
    "[[ 'd o' ]]",
  ].join("\n");
  expect([...tomlListLines(toml)]).toEqual([
    ["inline", [2, 2]],
    ["list", [6, 13]],
    ["d o", [16]],
  ]);
});

test("its lines are those of all tables and values", () => {
  const key = fc.oneof(fc.constantFrom("a", "b", "__proto__", "a.b", '"'), fc.string({ minLength: 1 }));
  const leaf = fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer(), { maxLength: 3 }));
  const table = fc.dictionary(
    key,
    fc.oneof(leaf, fc.array(fc.dictionary(key, leaf, { maxKeys: 2 }), { maxLength: 2 })),
  );
  const value = fc.oneof(leaf, table, fc.array(table, { maxLength: 4 }));
  fc.assert(
    fc.property(fc.dictionary(key, value, { maxKeys: 5 }), (document) => {
      const toml = stringify(document);
      const lines = tomlLines(toml);
      const lists = Object.entries(document).filter(([, list]) => Array.isArray(list) && list.length > 0);
      const expected = lists.map(([name, list]) => {
        const items = Array.from(list as ArrayLike<unknown>);
        return [name, items.map((_, index) => lines.get(formatTomlPath([name, index])))] as const;
      });
      expect([...tomlListLines(toml)].toSorted()).toEqual(expected.toSorted() as never);
    }),
  );
});
