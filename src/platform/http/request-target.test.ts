import { expect, test } from "bun:test";
import { parseTarget } from "./request-target.ts";

function target(url: string, hosts: readonly string[], httpVersion = "1.1"): string {
  const rawHeaders = ["Accept", "Host", ...hosts.flatMap((host) => ["HoSt", host])];
  const found = parseTarget({ rawHeaders, httpVersion, url }, "http");
  return "url" in found ? found.url : found.problem;
}

test.each(["registry", "my_registry.example:5000", "192.0.2.1:80", "[2001:db8::1]:5000", "registry:"])(
  "a request to %s",
  (host) => {
    expect(target("/v2/?a=b", [host])).toBe(`http://${host}/v2/?a=b`);
  },
);

test.each([
  "",
  "[",
  "[1::2",
  "a b",
  "a,b",
  "a/b",
  "a?b",
  "a#b",
  "a\\b",
  "user@a",
  "a%zz",
  "a%2fb",
  "a:b",
  "registry:99999999",
  "höst",
])("no request to %p: each of it would be taken for a part of something else", (host) => {
  expect(target("/v2/", [host])).toBe("host");
  expect(target("http://other/v2/", [host])).toBe("host");
  // There a slash ends the host.
  if (host !== "a/b") expect(target(`http://${host}/v2/`, ["registry"])).toBe("target");
});

test("a Host has to be there, once, but for HTTP/1.0", () => {
  expect(target("/v2/", [])).toBe("host");
  expect(target("http://other/v2/", [])).toBe("host");
  expect(target("/v2/", [], "1.0")).toBe("http://localhost/v2/");
  for (const version of ["1.0", "1.1"]) expect(target("/v2/", ["a", "a"], version)).toBe("host");
});

test("the host of the target counts, and what is no path is none", () => {
  expect(target("http://other:1/a?b", ["registry"])).toBe("http://other:1/a?b");
  for (const url of ["*", "other:443", "http://other", "ftp://other/"])
    expect(target(url, ["registry"])).toBe("target");
});
