import { afterEach, beforeEach, expect, test } from "bun:test";
import { FakeRegistry, refuse } from "../../../test/support/fake-registry.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { RegistryClient } from "./registry-client.ts";
import { searchRegistry } from "./search-registry.ts";

let registry: FakeRegistry;

beforeEach(async () => {
  registry = await FakeRegistry.start();
});

afterEach(() => registry[Symbol.dispose]());

const client = () => new RegistryClient({ host: registry.host, isInsecure: true, now: () => 0, retryDelaysMs: [] });

function answer(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const before = registry.intercept;
  registry.intercept = (request, response) => {
    if (!request.url?.startsWith(path)) return before?.(request, response) ?? false;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
    return true;
  };
}

test("the registry's own search is asked; what is no repository, or would move the cursor, is left out", async () => {
  answer("/v1/search", {
    results: [
      { name: "team/app", description: "an\u001b[2J app\nof ours", star_count: 7, is_official: true },
      { name: "../etc/passwd" },
      { name: 1 },
      null,
      { name: "other" },
    ],
  });
  const none = { description: "", stars: 0, isOfficial: false, isAutomated: false };
  expect(await searchRegistry(client(), "app", { limit: 5 })).toEqual([
    {
      name: `${registry.host}/team/app`,
      description: "an [2J app of ours",
      stars: 7,
      isOfficial: true,
      isAutomated: false,
    },
    { ...none, name: `${registry.host}/other` },
  ]);
  expect(registry.requests).toEqual(["GET /v1/search?q=app&n=5"]);
});

test("one without a search is asked for its catalogue, page by page until there are enough", async () => {
  answer("/v2/_catalog", { repositories: ["app/one", "base"] }, { link: '</v2/_catalog?last=base>; rel="next"' });
  answer("/v2/_catalog?last", { repositories: ["my-app", "more-app"] }, { link: '</v2/_catalog?last=x>; rel="next"' });
  const found = await searchRegistry(client(), "app", { limit: 3 });
  expect(found.map(({ name }) => name)).toEqual(
    ["app/one", "my-app", "more-app"].map((name) => `${registry.host}/${name}`),
  );
  expect(found[0]?.description).toBe(`(from the catalogue of ${registry.host}, which has no search)`);
});

test("one that has neither, or wants to know who asks, says so", async () => {
  expect(await searchRegistry(client(), "app").then(String, formatError)).toBe(
    `registry ${registry.host} can neither be searched nor does it list what it has`,
  );
  registry.intercept = (_request, response) => {
    refuse(response, 401, "UNAUTHORIZED", "authentication required");
    return true;
  };
  await expect(searchRegistry(client(), "app")).rejects.toMatchObject({ code: "permission-denied" });
});
