import { describe, expect, test } from "bun:test";
import { ManifestFixture } from "../../../../test/support/manifest-fixture.ts";
import { makeImage, type PushedManifest, pushImage, putManifest } from "../../../../test/support/push-content.ts";

const fixture = ManifestFixture.forThisFile();

describe("a condition on a manifest", () => {
  test("who has it is told so", async () => {
    const { digest } = await pushImage(fixture.repository, "conditional");
    for (const reference of ["conditional", digest]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await fetch(`${fixture.repository}/manifests/${reference}`, {
          method,
          headers: { "if-none-match": `"${digest}"` },
        });
        expect({ status: response.status, body: await response.text() }).toEqual({ status: 304, body: "" });
      }
      const changed = await fetch(`${fixture.repository}/manifests/${reference}`, {
        headers: { "if-none-match": '"x"' },
      });
      expect(changed.status).toBe(200);
      const other = await fetch(`${fixture.repository}/manifests/${reference}`, { headers: { "if-match": '"x"' } });
      expect(other.status).toBe(412);
    }
  });

  test("a tag is moved only from where its pusher believes it to be", async () => {
    const [first, second] = [await makeImage(fixture.repository, ["c1"]), await makeImage(fixture.repository, ["c2"])];
    const put = async (image: PushedManifest, headers: Record<string, string>) =>
      (await putManifest(fixture.repository, "guarded", image, headers)).status;
    expect(await put(first, { "if-match": "*" })).toBe(412);
    expect(await put(first, { "if-none-match": "*" })).toBe(201);
    expect(await put(second, { "if-none-match": "*" })).toBe(412);
    expect(await put(second, { "if-match": `"${second.digest}"` })).toBe(412);
    await fixture.expectPulled("guarded", first);
    expect(await put(second, { "if-match": `"${first.digest}"` })).toBe(201);
    await fixture.expectPulled("guarded", second);
    const remove = (ifMatch: string) =>
      fetch(`${fixture.repository}/manifests/guarded`, { method: "DELETE", headers: { "if-match": ifMatch } });
    expect((await remove(`"${first.digest}"`)).status).toBe(412);
    expect((await remove(`"${second.digest}"`)).status).toBe(202);
  });

  test("of many who move a tag from the same place one does", async () => {
    const images = await Promise.all(
      Array.from({ length: 8 }, (_, n) => makeImage(fixture.repository, [`racer ${n}`])),
    );
    const statuses = await Promise.all(
      images.map(
        async (image) => (await putManifest(fixture.repository, "race", image, { "if-none-match": "*" })).status,
      ),
    );
    expect(statuses.toSorted()).toEqual([201, 412, 412, 412, 412, 412, 412, 412]);
  });

  test("by digest holds for that manifest", async () => {
    const image = await makeImage(fixture.repository, ["by digest"]);
    const put = async (headers: Record<string, string>) =>
      (await putManifest(fixture.repository, image.digest, image, headers)).status;
    expect(await put({ "if-none-match": "*" })).toBe(201);
    expect(await put({ "if-none-match": "*" })).toBe(412);
    expect(await put({ "if-match": `"${image.digest}"` })).toBe(201);
  });
});
