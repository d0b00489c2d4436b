import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RepositoryName } from "../repository-name.ts";
import { PendingBytes } from "./pending-bytes.ts";

const [ONE, TWO] = ["one", "two"] as RepositoryName[] as [RepositoryName, RepositoryName];

test("what has come counts, or what was let come if that is more, until the claim ends", () => {
  const pending = new PendingBytes();
  const everywhere = (): boolean => true;
  pending.claim("a", ONE, { bytes: 100, neededBytes: 60 });
  pending.note("a", ONE, 50);
  pending.note("b", TWO, 7);
  expect([pending.sum(everywhere), pending.sum(everywhere, "a"), pending.sum((name) => name === ONE)]).toEqual([
    107, 7, 100,
  ]);
  // What is in use is not taken back, though it has not come yet.
  expect([pending.use("a", 101), pending.use("a", 80)]).toEqual([false, true]);
  pending.endSpare();
  expect([pending.sum(everywhere), pending.use("a", 81)]).toEqual([87, false]);
  pending.endClaim("a");
  expect([pending.sum(everywhere), pending.use("a", 1)]).toEqual([57, false]);
  pending.note("a", ONE, 0);
  expect([pending.sum(everywhere), [...pending.repositories()]]).toEqual([7, [TWO]]);
});

test("nothing is left over of any number of claims, however large they say they are", () => {
  const sizes = fc.oneof(fc.nat(1000), fc.maxSafeNat());
  const step = fc.record({ id: fc.constantFrom("a", "b", "c", "d"), size: sizes, more: sizes, verb: fc.nat(4) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const pending = new PendingBytes();
      // One that stays as it is.
      pending.note("kept", ONE, 3);
      const come = new Map<string, number>();
      for (const { id, size, more, verb } of steps) {
        const repository = id < "c" ? ONE : TWO;
        if (verb === 0) pending.claim(id, repository, { bytes: size + more, neededBytes: size });
        else if (verb === 1) pending.note(id, repository, come.set(id, size % 1000).get(id) ?? 0);
        else if (verb === 2) pending.endClaim(id);
        else if (verb === 3) pending.use(id, size);
        else pending.endSpare();
      }
      for (const id of ["a", "b", "c", "d"]) pending.endClaim(id);
      const left = [...come.values()].reduce((sum, bytes) => sum + bytes, 3);
      expect(pending.sum(() => true)).toBe(left);
      for (const id of come.keys()) pending.note(id, id < "c" ? ONE : TWO, 0);
      expect([pending.sum(() => true), [...pending.repositories()]]).toEqual([3, [ONE]]);
    }),
  );
});
