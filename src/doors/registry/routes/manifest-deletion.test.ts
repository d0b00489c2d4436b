import { describe, expect, test } from "bun:test";
import { ManifestFixture } from "../../../../test/support/manifest-fixture.ts";
import { makeImage, pushImage, putManifest, refusal } from "../../../../test/support/push-content.ts";

const fixture = ManifestFixture.forThisFile();

describe("what is deleted", () => {
  test("a tag goes alone; its manifest and its other tags stay", async () => {
    const image = await pushImage(fixture.repository, "going");
    await putManifest(fixture.repository, "staying", image);
    const deleted = await fetch(`${fixture.repository}/manifests/going`, { method: "DELETE" });
    expect({ status: deleted.status, body: await deleted.text() }).toEqual({ status: 202, body: "" });
    expect((await fetch(`${fixture.repository}/manifests/going`, { method: "HEAD" })).status).toBe(404);
    await fixture.expectPulled("staying", image);
    const again = await fetch(`${fixture.repository}/manifests/going`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["MANIFEST_UNKNOWN"] });
  });

  test("a manifest takes its tags along, and leaves those of other repositories", async () => {
    const image = await pushImage(fixture.repository, "doomed");
    const elsewhere = `${fixture.registry.url}/v2/else/where`;
    const layers = ["a layer of doomed"];
    expect((await makeImage(elsewhere, layers)).digest).toBe(image.digest);
    expect((await putManifest(elsewhere, "kept", image)).status).toBe(201);
    expect((await fetch(`${fixture.repository}/manifests/${image.digest}`, { method: "DELETE" })).status).toBe(202);
    for (const reference of ["doomed", image.digest]) {
      expect((await fetch(`${fixture.repository}/manifests/${reference}`, { method: "HEAD" })).status).toBe(404);
    }
    expect((await fetch(`${elsewhere}/manifests/kept`)).status).toBe(200);
    const again = await fetch(`${fixture.repository}/manifests/${image.digest}`, { method: "DELETE" });
    expect(await refusal(again)).toEqual({ status: 404, codes: ["MANIFEST_UNKNOWN"] });
  });

  test.each([`sha256:${"0".repeat(64)}`, "no-such-tag"])("%s of a repository that is not there", async (reference) => {
    const response = await fetch(`${fixture.registry.url}/v2/nobody/manifests/${reference}`, { method: "DELETE" });
    expect(await refusal(response)).toEqual({ status: 404, codes: ["NAME_UNKNOWN"] });
  });
});
