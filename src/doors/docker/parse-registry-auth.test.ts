import { expect, test } from "bun:test";
import { parseRegistryAuth } from "./parse-registry-auth.ts";

const header = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

test("the more special kind of credentials wins, and empty ones are none", () => {
  const given = [
    { username: "", password: "x" },
    { username: "u", password: "p" },
    { username: "u", password: "p", identitytoken: "i" },
    { identitytoken: "i", registrytoken: "r" },
    { auth: Buffer.from("u:p:q").toString("base64"), serveraddress: "example.org" },
  ];
  expect(given.map((value) => parseRegistryAuth(header(value)))).toEqual([
    undefined,
    { credentials: { kind: "password", username: "u", password: "p" } },
    { credentials: { kind: "identity-token", token: "i" } },
    { credentials: { kind: "registry-token", token: "r" } },
    { host: "example.org", credentials: { kind: "password", username: "u", password: "p:q" } },
  ]);
});

test("the server is told as references name it", () => {
  const servers = [
    "https://index.docker.io/v1/",
    "registry-1.docker.io",
    "https://registry.lan:5000",
    "registry.lan/v2/",
  ];
  const logins = servers.map((serveraddress) =>
    parseRegistryAuth(header({ username: "u", password: "p", serveraddress })),
  );
  expect(logins.map((login) => login?.host)).toEqual(["docker.io", "docker.io", "registry.lan:5000", "registry.lan"]);
});

test("a header that names nobody is no credentials", () => {
  expect([undefined, "", "null", header(null), header({})].map(parseRegistryAuth)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("what cannot be read is refused without repeating it", () => {
  for (const text of ["secret", header(["secret"].map(Number)), header({ password: 1 }), header("secret")]) {
    expect(() => parseRegistryAuth(text)).toThrow(
      /^the header X-Registry-Auth is not base64url of an object of strings$/,
    );
  }
});
