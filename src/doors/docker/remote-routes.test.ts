import { expect, test } from "bun:test";
import { doorParts, serveDoor } from "../../../test/support/door-double.ts";
import { ApiError } from "../../api/api-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { DoorRegistries } from "./door-parts.ts";

const none: DoorRegistries = {
  logIn: async () => ({}),
  search: async () => [],
  describe: async (name) => {
    throw new GantryError("not-found", `manifest for ${name} not found`);
  },
};

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(String, (error) =>
    error instanceof ApiError ? `${error.status} ${error.message}` : `${error}`,
  );
}

test("POST /auth: what names nobody is a mistake, what the registry refuses is 401, as clients want it", async () => {
  const asked: unknown[] = [];
  const registries: DoorRegistries = {
    ...none,
    async logIn({ host, credentials }) {
      asked.push([host, credentials]);
      if (host === "closed.lan")
        throw new GantryError("permission-denied", "cannot log in to closed.lan: unauthorized");
      if (host === "gone.lan")
        throw new GantryError("unavailable", "cannot reach registry gone.lan: connection refused");
      return { identityToken: "refresh" };
    },
  };
  await using door = await serveDoor(doorParts({ registries }));
  const person = { username: "ann", password: "p" };
  expect(await door.api.logIn(person)).toEqual({ Status: "Login Succeeded", IdentityToken: "refresh" });
  expect(await failure(door.api.logIn({}))).toBe("400 username is needed, or identitytoken");
  expect(await failure(door.api.logIn({ username: 1 } as never))).toBe("400 the body is not an object of strings");
  expect(await failure(door.api.logIn({ ...person, serveraddress: "closed.lan" }))).toBe(
    "401 cannot log in to closed.lan: unauthorized",
  );
  expect(await failure(door.api.logIn({ identitytoken: "t", serveraddress: "https://gone.lan/v2/" }))).toBe(
    "503 cannot reach registry gone.lan: connection refused",
  );
  expect(asked).toEqual([
    ["docker.io", { kind: "password", ...person }],
    ["closed.lan", { kind: "password", ...person }],
    ["gone.lan", { kind: "identity-token", token: "t" }],
  ]);
});

test("GET /images/search: limits and filters", async () => {
  const found = ["a", "b"].map((name, index) => ({
    name,
    description: "",
    stars: index * 10,
    isOfficial: index === 0,
    isAutomated: false,
  }));
  const limits: number[] = [];
  const registries: DoorRegistries = {
    ...none,
    async search(_term, { limit }) {
      limits.push(limit);
      return found;
    },
  };
  await using door = await serveDoor(doorParts({ registries }));
  const names = async (filters: Record<string, readonly string[]>) =>
    (await door.api.searchImages("x", { filters })).map(({ name }) => name);
  expect(await names({})).toEqual(["a", "b"]);
  expect(await names({ stars: ["5"] })).toEqual(["b"]);
  expect(await names({ "is-official": ["true"] })).toEqual(["a"]);
  expect(await failure(names({ "is-official": ["maybe"] }))).toBe("400 invalid filter 'is-official=maybe'");
  expect(await failure(names({ stars: ["many"] }))).toBe("400 invalid filter 'stars=many'");
  expect(await failure(names({ color: ["red"] }))).toBe("400 invalid filter 'color'");
  expect(await failure(door.api.searchImages(""))).toBe("400 term is needed: what to search for");
  expect(await failure(door.api.searchImages("x", { limit: 101 }))).toBe(
    "400 Limit 101 is outside the range of [1, 100]",
  );
  await door.api.searchImages("x", { limit: 7 });
  expect([...new Set(limits)]).toEqual([25, 7]);
});

test("POST /images/NAME/push: an error before the first line is a status, one after it a line", async () => {
  const images = doorParts().images;
  let begins = false;
  await using door = await serveDoor(
    doorParts({
      images: {
        ...images,
        async push(name, { tag, onProgress, onPushed }) {
          if (begins) onProgress({ status: `The push refers to repository [${name}]` });
          if (tag === undefined)
            throw new GantryError("not-found", `An image does not exist locally with the tag: ${name}`);
          onPushed({ tag, digest: "sha256:0", sizeBytes: 5 });
        },
      },
    }),
  );
  const push = async (tag?: string) => {
    const lines: unknown[] = [];
    for await (const line of await door.api.pushImage("team/app", tag === undefined ? {} : { tag })) lines.push(line);
    return lines;
  };
  const missing = "An image does not exist locally with the tag: team/app";
  expect(await failure(push())).toBe(`404 ${missing}`);
  begins = true;
  expect(await failure(push())).toBe(`200 ${missing}`);
  expect(await push("1")).toEqual([
    { status: "The push refers to repository [team/app]", progressDetail: {} },
    { status: "1: digest: sha256:0 size: 5" },
    { progressDetail: {}, aux: { Tag: "1", Digest: "sha256:0", Size: 5 } },
  ]);
});
