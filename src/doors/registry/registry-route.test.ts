import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import { parseRegistryRoute } from "./registry-route.ts";

const hex = fc.constantFrom(..."0123456789abcdef");
const digest = fc.oneof(
  fc.string({ unit: hex, minLength: 64, maxLength: 64 }).map((text) => `sha256:${text}`),
  fc.string({ unit: hex, minLength: 128, maxLength: 128 }).map((text) => `sha512:${text}`),
);
/** Words of the API are names of repositories, too. */
const component = fc.oneof(
  fc.constantFrom("blobs", "uploads", "manifests", "tags", "list", "referrers", "v2", "a", "x__y", "p.q", "d---e"),
  fc.stringMatching(/^[a-z0-9]{1,8}$/),
);
const name = fc.array(component, { minLength: 1, maxLength: 5 }).map((words) => words.join("/"));
const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/);

describe("the path of a request", () => {
  test("of every endpoint means that endpoint, whatever the repository is called", () => {
    fc.assert(
      fc.property(name, tag, digest, fc.uuid(), (repository, aTag, aDigest, id) => {
        expect(parseRegistryRoute(`/v2/${repository}/tags/list`)).toEqual({ kind: "tags", repository } as never);
        expect(parseRegistryRoute(`/v2/${repository}/manifests/${aTag}`)).toEqual({
          kind: "manifest",
          repository,
          named: { tag: aTag },
        } as never);
        for (const written of [aDigest, encodeURIComponent(aDigest)]) {
          const target = { repository, digest: aDigest };
          expect(parseRegistryRoute(`/v2/${repository}/blobs/${written}`)).toEqual({
            kind: "blob",
            ...target,
          } as never);
          expect(parseRegistryRoute(`/v2/${repository}/referrers/${written}`)).toEqual({
            kind: "referrers",
            ...target,
          } as never);
          expect(parseRegistryRoute(`/v2/${repository}/manifests/${written}`)).toEqual({
            kind: "manifest",
            repository,
            named: { digest: aDigest },
          } as never);
        }
        expect(parseRegistryRoute(`/v2/${repository}/blobs/uploads/`)).toEqual({
          kind: "uploads",
          repository,
        } as never);
        expect(parseRegistryRoute(`/v2/${repository}/blobs/uploads`)).toEqual({ kind: "uploads", repository } as never);
        expect(parseRegistryRoute(`/v2/${repository}/blobs/uploads/${id}`)).toEqual({
          kind: "upload",
          repository,
          id,
        } as never);
      }),
    );
  });

  test("whatever it is, is a route with a name that is one, nothing, or an error of the specification's", () => {
    const piece = fc.oneof(
      fc.constantFrom("..", ".", "", "%2e%2e", "%2F", "%00", "%", "%zz", "\0", "blobs", "uploads", "manifests", "tags"),
      component,
      digest,
      fc.string({ unit: "binary", maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.boolean(), (pieces, isBelow) => {
        const path = `${isBelow ? "/v2/" : ""}${pieces.join("/")}`;
        try {
          const route = parseRegistryRoute(path);
          if (route === undefined || !("repository" in route)) return;
          expect(route.repository).toMatch(/^[a-z0-9._/-]{1,255}$/);
          expect(route.repository.split("/").every((word) => /^[a-z0-9]/.test(word))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("takes time linear in its length", () => {
    const began = performance.now();
    for (const evil of ["a-".repeat(50_000), "a__".repeat(50_000), "a/".repeat(50_000), "%".repeat(100_000)]) {
      expect(() => parseRegistryRoute(`/v2/${evil}/tags/list`)).toThrow(RegistryError);
    }
    // Backtracking over one of them would take hours.
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
