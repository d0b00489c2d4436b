import { describe, expect, test } from "bun:test";
import { ClientFixture, failureOf } from "../../../test/support/client-fixture.ts";
import { refuse } from "../../../test/support/fake-registry.ts";

const fixture = ClientFixture.forEachTest();

describe("what fails in passing", () => {
  test("is tried again: 503, 429 with Retry-After, a broken connection", async () => {
    fixture.registry.addImage("app:1", []);
    let count = 0;
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.includes("manifests")) return false;
      count++;
      if (count === 1) refuse(response, 503, "UNAVAILABLE", "later");
      if (count === 2) {
        response.setHeader("retry-after", "0");
        refuse(response, 429, "TOOMANYREQUESTS", "slow down");
      }
      if (count === 3) request.socket.destroy();
      return count <= 3;
    };
    expect((await fixture.client().resolve(fixture.reference("app:1"))).document.kind).toBe("manifest");
    expect(count).toBe(4);
  });

  test("is told when it lasts", async () => {
    fixture.registry.intercept = (_request, response) => {
      response.setHeader("retry-after", "86400");
      refuse(response, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.");
      return true;
    };
    expect(await failureOf(fixture.client().resolve(fixture.reference("app")))).toBe(
      `exhausted: cannot get the manifest of ${fixture.registry.host}/app:latest: toomanyrequests: You have reached your pull rate limit.`,
    );
    expect(fixture.registry.requests.filter((request) => request.includes("manifests")).length).toBe(1);
  });

  test("nobody there, a name that does not exist, silence", async () => {
    const unreachable = "127.0.0.1:1";
    expect(await failureOf(fixture.client({ host: unreachable }).resolve(fixture.reference("app")))).toBe(
      `unavailable: cannot reach registry ${unreachable}: connection refused (is it running, and the port right?)`,
    );
    // A busy host may take its time to say that there is no such name.
    const nameless = fixture.client({ host: "no-such-host.invalid", responseTimeoutMs: 20_000, retryDelaysMs: [] });
    expect(await failureOf(nameless.resolve(fixture.reference("app")))).toMatch(
      /^unavailable: cannot reach registry no-such-host\.invalid: (no such host|its name cannot be resolved now)/,
    );
    fixture.registry.intercept = () => true;
    expect(
      await failureOf(fixture.client({ responseTimeoutMs: 100, retryDelaysMs: [] }).resolve(fixture.reference("app"))),
    ).toBe(`unavailable: registry ${fixture.registry.host} did not answer within 0.1 s`);
  }, 60_000);

  test.each(["1.2.3.4.5", "registry.lan:99999"])("no request can be sent to %s, which is told", async (host) => {
    expect(await failureOf(fixture.client({ host }).resolve(fixture.reference("app")))).toBe(
      `invalid-argument: cannot ask registry ${host}: that is no host with a port up to 65535 ` +
        "(write the registry as HOST[:PORT], as in registry.example.com:5000)",
    );
  });

  test("a registry of plain HTTP that is not listed as insecure is not used", async () => {
    expect(
      await failureOf(fixture.client({ isInsecure: false, retryDelaysMs: [] }).resolve(fixture.reference("app"))),
    ).toContain("it does not speak HTTPS (for plain HTTP set `insecure = true` for it in registries.toml)");
    expect(fixture.registry.requests).toEqual([]);
  });

  test("is called off by the signal", async () => {
    fixture.registry.intercept = () => true;
    const controller = new AbortController();
    const work = failureOf(fixture.client().resolve(fixture.reference("app"), { signal: controller.signal }));
    controller.abort();
    expect(await work).toStartWith("cancelled: request to registry");
  });
});

describe("authentication", () => {
  function requireToken(token: string, scheme: "Bearer" | "Basic" = "Bearer"): void {
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.startsWith("/v2/app/")) return false;
      if (request.headers.authorization === `${scheme} ${token}`) return false;
      const realm = `http://${fixture.elsewhere.host}/token`;
      const challenge = `Bearer realm="${realm}",service="svc",scope="repository:other:push,delete"`;
      response.setHeader("www-authenticate", scheme === "Bearer" ? challenge : 'Basic realm="r"');
      refuse(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    };
  }

  function serveToken(answer: object, status = 200): { seen: { url: string; authorization?: string; body: string }[] } {
    const seen: { url: string; authorization?: string; body: string }[] = [];
    fixture.elsewhere.intercept = (request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        const { authorization } = request.headers;
        seen.push({ url: request.url ?? "", body, ...(authorization === undefined ? {} : { authorization }) });
        response.statusCode = status;
        response.end(JSON.stringify(answer));
      });
      return true;
    };
    return { seen };
  }

  test("an anonymous token is fetched once, for our own scope and no wider one", async () => {
    fixture.registry.addImage("app:1", []);
    requireToken("tok");
    const { seen } = serveToken({ token: "tok", expires_in: 300 });
    const one = fixture.client();
    await one.resolve(fixture.reference("app:1"));
    await one.resolve(fixture.reference("app:1"));
    expect(seen).toEqual([{ url: "/token?service=svc&scope=repository%3Aapp%3Apull", body: "" }]);
  });

  test("a token that has ended is fetched anew", async () => {
    fixture.registry.addImage("app:1", []);
    requireToken("tok");
    const { seen } = serveToken({ access_token: "tok", expires_in: 300 });
    let now = 0;
    const one = fixture.client({ now: () => now });
    await one.resolve(fixture.reference("app:1"));
    now += 300_000;
    await one.resolve(fixture.reference("app:1"));
    expect(seen.length).toBe(2);
  });

  test("a password goes to the token server, an identity token is exchanged there", async () => {
    fixture.registry.addImage("app:1", []);
    requireToken("tok");
    const { seen } = serveToken({ token: "tok" });
    await fixture
      .client({ credentials: { kind: "password", username: "u", password: "p:ä" } })
      .resolve(fixture.reference("app:1"));
    await fixture
      .client({ credentials: { kind: "identity-token", token: "refresh" } })
      .resolve(fixture.reference("app:1"));
    expect(seen).toEqual([
      {
        url: "/token?service=svc&scope=repository%3Aapp%3Apull&account=u",
        body: "",
        authorization: `Basic ${Buffer.from("u:p:ä").toString("base64")}`,
      },
      {
        url: "/token",
        body: "service=svc&scope=repository%3Aapp%3Apull&grant_type=refresh_token&refresh_token=refresh&client_id=gantry",
      },
    ]);
  });

  test("Basic, and a registry token as it is", async () => {
    fixture.registry.addImage("app:1", []);
    requireToken(Buffer.from("u:p").toString("base64"), "Basic");
    await fixture
      .client({ credentials: { kind: "password", username: "u", password: "p" } })
      .resolve(fixture.reference("app:1"));
    requireToken("given");
    await fixture
      .client({ credentials: { kind: "registry-token", token: "given" } })
      .resolve(fixture.reference("app:1"));
  });

  test("no credentials, wrong credentials, a token server without token", async () => {
    requireToken("tok");
    serveToken({ details: "incorrect username or password" }, 401);
    expect(await failureOf(fixture.client().resolve(fixture.reference("app:1")))).toBe(
      `not-found: pull access denied for ${fixture.registry.host}/app, repository does not exist or may require 'docker login': ` +
        "unauthorized: authentication required",
    );
    const credentials = { kind: "password", username: "u", password: "wrong" } as const;
    expect(await failureOf(fixture.client({ credentials }).resolve(fixture.reference("app:1")))).toBe(
      `permission-denied: registry ${fixture.registry.host} refuses the credentials: incorrect username or password (\`gantry login ${fixture.registry.host}\` asks for name and password anew)`,
    );
    serveToken({ token: "a\r\nx-evil: 1" });
    expect(await failureOf(fixture.client().resolve(fixture.reference("app:1")))).toContain("answered without one");
  });

  test.each(["file:///etc/shadow", "nowhere"])("a realm of %s is refused", async (realm) => {
    fixture.registry.intercept = (request, response) => {
      if (!request.url?.startsWith("/v2/app/")) return false;
      response.setHeader("www-authenticate", `Bearer realm="${realm}"`);
      refuse(response, 401, "UNAUTHORIZED", "authentication required");
      return true;
    };
    expect(await failureOf(fixture.client().resolve(fixture.reference("app:1")))).toContain(
      `asks to authenticate at "${realm}"`,
    );
  });
});
