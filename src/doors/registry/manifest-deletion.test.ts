import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { expectNothingLeft, manifestChecks } from "../../../test/support/manifest-checks.ts";
import { OwnRegistry } from "../../../test/support/own-registry.ts";
import { makeImage, pushImage, putManifest, refusal } from "../../../test/support/push-content.ts";

let registry: OwnRegistry;
let repository: string;
const { expectPulled } = manifestChecks(() => repository);
beforeAll(async () => {
  registry = await OwnRegistry.start();
  repository = `${registry.url}/v2/man/i-fests`;
});
afterAll(async () => {
  expectNothingLeft(registry);
  expect(registry.warnings).toEqual([]);
  await registry[Symbol.asyncDispose]();
});

describe("what is deleted", () => {
  test("a tag goes alone; its manifest and its other tags stay", async () => {
    const image = await pushImage(repository, "going");
    await putManifest(repository, "staying", image);
    const deleted = await fetch(`${repository}/manifests/going`, { method: "DELETE" });
    expect({ status: deleted.status, body: await deleted.text() }).toEqual({ status: 202, body: "" });
    expect((await fetch(`${repository}/manifests/going`, { method: "HEAD" })).status).toBe(404);
    await expectPulled("staying", image);
    const again = await fetch(`${repository}/manifests/going`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["MANIFEST_UNKNOWN"] });
  });

  test("a manifest takes its tags along, and leaves those of other repositories", async () => {
    const image = await pushImage(repository, "doomed");
    const elsewhere = `${registry.url}/v2/else/where`;
    const layers = ["a layer of doomed"];
    expect((await makeImage(elsewhere, layers)).digest).toBe(image.digest);
    expect((await putManifest(elsewhere, "kept", image)).status).toBe(201);
    expect((await fetch(`${repository}/manifests/${image.digest}`, { method: "DELETE" })).status).toBe(202);
    for (const reference of ["doomed", image.digest]) {
      expect((await fetch(`${repository}/manifests/${reference}`, { method: "HEAD" })).status).toBe(404);
    }
    expect((await fetch(`${elsewhere}/manifests/kept`)).status).toBe(200);
    const again = await fetch(`${repository}/manifests/${image.digest}`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["MANIFEST_UNKNOWN"] });
  });

  test.each([`sha256:${"0".repeat(64)}`, "no-such-tag"])("%s of a repository that is not there", async (reference) => {
    const response = await fetch(`${registry.url}/v2/nobody/manifests/${reference}`, { method: "DELETE" });
    expect(await refusal(response)).toEqual({ status: 404, codes: ["NAME_UNKNOWN"] });
  });
});
