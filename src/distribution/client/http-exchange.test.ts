import { describe, expect, test } from "bun:test";
import { BLOB, ClientFixture, failureOf } from "../../../test/support/client-fixture.ts";
import { refuse } from "../../../test/support/fake-registry.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";

const fixture = ClientFixture.forEachTest();

describe("redirects", () => {
  test("are followed to another host, without the credentials", async () => {
    const descriptor = fixture.registry.addBlob(BLOB, MEDIA_TYPES.ociLayer);
    fixture.elsewhere.blobs.set(descriptor.digest, BLOB);
    const seen: (string | undefined)[] = [];
    fixture.elsewhere.intercept = (request) => {
      seen.push(request.headers.authorization);
      return false;
    };
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      if (request.headers.authorization === undefined) {
        response.setHeader("www-authenticate", 'Basic realm="x"');
        refuse(response, 401, "UNAUTHORIZED", "who are you");
      } else {
        response.writeHead(307, { location: `http://${fixture.elsewhere.host}${request.url}` });
        response.end();
      }
      return true;
    };
    const credentials = { kind: "password", username: "u", password: "p" } as const;
    expect(await fixture.download(fixture.client({ credentials }))).toEqual(BLOB);
    expect(seen).toEqual([undefined]);
  });

  test("a host that is redirected to cannot ask for the credentials", async () => {
    fixture.elsewhere.intercept = (_request, response) => {
      response.setHeader("www-authenticate", 'Basic realm="gimme"');
      refuse(response, 401, "UNAUTHORIZED", "gimme");
      return true;
    };
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(302, { location: `http://${fixture.elsewhere.host}/steal` });
      response.end();
      return true;
    };
    const credentials = { kind: "password", username: "u", password: "p" } as const;
    expect(await failureOf(fixture.download(fixture.client({ credentials })))).toContain("unauthorized: gimme");
    expect(fixture.elsewhere.requests).toEqual(["GET /steal"]);
  });

  test.each(["file:///etc/passwd", "data:,x", "http://u:p@127.0.0.1/", "http://[bad"])(
    "to %s are refused",
    async (location) => {
      fixture.registry.intercept = (request, response) => {
        if (!request.url?.includes("blobs")) return false;
        response.writeHead(302, { location });
        response.end();
        return true;
      };
      expect(await failureOf(fixture.download())).toMatch(/^unavailable: registry \S+ redirects to /);
    },
  );

  test("in a circle end", async () => {
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(302, { location: request.url });
      response.end();
      return true;
    };
    expect(await failureOf(fixture.download())).toContain("redirects more than 10 times");
  });
});
