import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RepositoryName } from "../repository-name.ts";
import { UploadIndex } from "./upload-index.ts";

const [A, B] = ["team/a", "team/b"] as RepositoryName[] as [RepositoryName, RepositoryName];

test("a question about one repository looks at none of the thousands of uploads to others", () => {
  const index = new UploadIndex<{ readonly repository: RepositoryName }>();
  let looks = 0;
  for (let count = 0; count < 5000; count += 1) {
    index.set(`other ${count}`, {
      get repository() {
        looks += 1;
        return `others/${count}` as RepositoryName;
      },
    });
  }
  index.set("mine", { repository: A });
  looks = 0;
  expect([...index.in(A).keys()]).toEqual(["mine"]);
  expect([...index.in(B)]).toEqual([]);
  expect(looks).toBe(0);
});

test("what is in a repository is what was set and not deleted since, in the order in which it came", () => {
  const change = fc.record({
    id: fc.constantFrom("1", "2", "3", "4"),
    sizeBytes: fc.option(fc.nat(), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const index = new UploadIndex<{ readonly repository: RepositoryName; readonly sizeBytes: number }>();
      const model = new Map<string, { readonly repository: RepositoryName; readonly sizeBytes: number }>();
      for (const { id, sizeBytes } of changes) {
        const repository = Number(id) % 2 === 0 ? A : B;
        if (sizeBytes === undefined) {
          expect(index.delete(id)).toEqual(model.get(id));
          model.delete(id);
        } else {
          index.set(id, { repository, sizeBytes });
          model.set(id, { repository, sizeBytes });
        }
      }
      expect([...index.entries()]).toEqual([...model]);
      for (const name of [A, B]) {
        expect([...index.in(name)]).toEqual([...model].filter(([, { repository }]) => repository === name));
      }
      expect(new Set(index.repositories())).toEqual(new Set([...model.values()].map(({ repository }) => repository)));
      expect(index.size).toBe(model.size);
    }),
  );
});
