import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { doorParts, engineDouble, serveDoor } from "../../../test/support/door-double.ts";
import { requestText, talk } from "../../../test/support/talk.ts";
import { ApiError } from "../../api/api-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";

test("the socket is for root alone", async () => {
  await using door = await serveDoor(doorParts());
  expect(statSync(door.socketPath).mode & 0o777).toBe(0o600);
});

test("ping tells versions in headers, with and without a version in the path, and by HEAD", async () => {
  await using door = await serveDoor(doorParts());
  expect(await door.api.ping()).toEqual({
    apiVersion: "1.51",
    osType: "linux",
    experimental: false,
    server: "gantry/0.1.0 (linux)",
  });
  const head = await talk(door.socketPath, requestText("HEAD /_ping"));
  expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(head.toLowerCase()).toContain("\r\napi-version: 1.51\r\n");
  expect(head).toEndWith("\r\n\r\n");
});

test("a client that is too old or too new is told which versions there are", async () => {
  await using door = await serveDoor(doorParts());
  expect(await talk(door.socketPath, requestText("GET /v1.10/info"))).toContain(
    '{"message":"client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"}',
  );
  expect(await talk(door.socketPath, requestText("GET /v1.99/info"))).toContain(
    '{"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}',
  );
});

test("what is no page, what is not there yet, and what is no HTTP are told apart", async () => {
  await using door = await serveDoor(doorParts());
  expect(await talk(door.socketPath, requestText("GET /nothing"))).toMatch(/^HTTP\/1.1 404 .*"page not found"/s);
  expect(await talk(door.socketPath, requestText("POST /build"))).toMatch(/^HTTP\/1.1 501 .*building images/s);
  expect(await talk(door.socketPath, requestText("GET /images/search?term=x"))).toMatch(/^HTTP\/1.1 200 .*\[\]/s);
  expect(await talk(door.socketPath, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
});

test("malformed JSON is answered with its place", async () => {
  await using door = await serveDoor(doorParts());
  const body = '{"Image":"busybox",\n "Cmd": [1 2]}';
  const answer = await talk(
    door.socketPath,
    requestText("POST /containers/create", "Content-Type: application/json", `Content-Length: ${body.length}`) + body,
  );
  expect(answer).toMatch(/^HTTP\/1.1 400 .*at line 2, column 12/s);
});

test("a body without end is refused at its limit", async () => {
  await using door = await serveDoor(doorParts());
  const body = `{"Image":"${"x".repeat(5 * 1024 * 1024)}"}`;
  const answer = await talk(
    door.socketPath,
    requestText("POST /containers/create", "Content-Type: application/json", `Content-Length: ${body.length}`) + body,
  );
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
});

test("errors carry the engine's sentence and the status of their code", async () => {
  const failures: readonly [GantryError, number][] = [
    [new GantryError("conflict", "busy"), 409],
    [new GantryError("invalid-argument", "bad"), 400],
    [new GantryError("unsupported", "not there"), 501],
    [new GantryError("not-found", "exec: nothing", { exitCode: 127 }), 400],
  ];
  for (const [failure, status] of failures) {
    const engine = engineDouble({ start: () => Promise.reject(failure) });
    await using door = await serveDoor(doorParts({ engine }));
    const error = await door.api.startContainer("web").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).status).toBe(status);
    expect((error as ApiError).message).toStartWith(failure.message);
  }
});

test("the docker client finds its exit code 127 in the words of the message", async () => {
  const failure = new GantryError("not-found", "cannot run nope", { exitCode: 127 });
  const engine = engineDouble({ start: () => Promise.reject(failure) });
  await using door = await serveDoor(doorParts({ engine }));
  expect(door.api.startContainer("web")).rejects.toThrow("no such file or directory");
});

test("a defect is a warning for the operator and one sentence for the caller", async () => {
  const engine = engineDouble({ pause: () => Promise.reject(new TypeError("x is not a function")) });
  await using door = await serveDoor(doorParts({ engine }));
  await expect(door.api.pauseContainer("web")).rejects.toThrow("x is not a function");
  expect(door.warnings).toEqual(["POST /containers/web/pause failed: x is not a function"]);
});

test("a client that ends its sending half after the request still gets the answer of a quick call", async () => {
  await using door = await serveDoor(doorParts());
  expect(await talk(door.socketPath, requestText("GET /_ping"), { half: true })).toContain("OK");
});
