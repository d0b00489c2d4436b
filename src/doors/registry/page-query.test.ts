import { expect, test } from "bun:test";
import fc from "fast-check";
import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import { nextPage, parsePage } from "./page-query.ts";

test("whatever n and last are, a page is bounded or refused", () => {
  const n = fc.oneof(fc.nat().map(String), fc.integer().map(String), fc.string({ maxLength: 12 }));
  fc.assert(
    fc.property(n, fc.string(), (count, last) => {
      try {
        const { limit, after } = parsePage(new URLSearchParams({ n: count, last }));
        expect(limit).toBe(Math.min(Number(count), 1000));
        expect(after).toBe(last);
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError);
        expect(count).not.toMatch(/^\d{1,9}$/);
      }
    }),
    { numRuns: 1000 },
  );
  expect(parsePage(new URLSearchParams())).toEqual({ limit: 1000 });
});

test("following the links visits every entry once, in order", () => {
  const entry = fc.string({ minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.uniqueArray(entry, { maxLength: 30 }), fc.integer({ min: 1, max: 10 }), (entries, n) => {
      const sorted = entries.toSorted();
      const seen: string[] = [];
      let query = new URLSearchParams({ n: String(n) });
      for (let rounds = 0; rounds < 100; rounds++) {
        const { limit, after } = parsePage(query);
        const rest = sorted.filter((text) => after === undefined || text > after);
        const page = { items: rest.slice(0, limit), hasMore: rest.length > limit };
        seen.push(...page.items);
        const { link } = nextPage("/v2/x/tags/list", page, { n: String(limit) });
        if (link === undefined) break;
        const [, target = ""] = /^<(.*)>; rel="next"$/.exec(link) ?? [];
        query = new URL(target, "http://registry").searchParams;
      }
      expect(seen).toEqual(sorted);
    }),
  );
});
