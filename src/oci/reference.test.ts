import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  familiarReference,
  familiarRepository,
  formatReference,
  formatRepository,
  parseReference,
  withDefaultTag,
} from "./reference.ts";

const A = "sha256:86e0e091d0da6bde2456dbb48306f3956bbeb2eae1b5b9a43045843f69fe4aaa";
const B = `sha512:${"f".repeat(128)}`;

/** text → registry, repository, tag, digest. */
const ACCEPTED: readonly (readonly [string, string, string, string?, string?])[] = [
  ["busybox", "docker.io", "library/busybox"],
  ["busybox:1.36", "docker.io", "library/busybox", "1.36"],
  ["library/busybox", "docker.io", "library/busybox"],
  ["docker.io/busybox", "docker.io", "library/busybox"],
  ["docker.io/library/busybox:latest", "docker.io", "library/busybox", "latest"],
  ["index.docker.io/busybox", "docker.io", "library/busybox"],
  ["index.docker.io/library/busybox", "docker.io", "library/busybox"],
  ["index.docker.io/team/app", "docker.io", "team/app"],
  ["team/app", "docker.io", "team/app"],
  ["team/library", "docker.io", "team/library"],
  ["library/a/b", "docker.io", "library/a/b"],
  ["docker.io/library/a/b", "docker.io", "library/a/b"],
  ["store/a/b", "docker.io", "store/a/b"],
  ["test_com/foo", "docker.io", "test_com/foo"],
  ["docker/migrator", "docker.io", "docker/migrator"],
  ["a__b/c", "docker.io", "a__b/c"],
  ["a---b/c", "docker.io", "a---b/c"],
  ["d/e", "docker.io", "d/e"],
  ["foo_bar.com:8080", "docker.io", "library/foo_bar.com", "8080"],
  ["foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", "8080"],
  ["test.com:5000", "docker.io", "library/test.com", "5000"],
  ["localhost", "docker.io", "library/localhost"],
  ["localhost:8080", "docker.io", "library/localhost", "8080"],
  [`localhost:8080@${A}`, "docker.io", "library/localhost", "8080", A],
  ["192.168.0.1", "docker.io", "library/192.168.0.1"],
  ["192.168.0.1:80", "docker.io", "library/192.168.0.1", "80"],
  ["localhost/app", "localhost", "app"],
  ["localhost:5000/app:x", "localhost:5000", "app", "x"],
  ["192.168.0.1:8/debian", "192.168.0.1:8", "debian"],
  ["127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b"],
  ["test.com/foo", "test.com", "foo"],
  ["test.com/repo:Tag", "test.com", "repo", "Tag"],
  ["test:5000/repo", "test:5000", "repo"],
  [`test:5000/repo@${A}`, "test:5000", "repo", undefined, A],
  [`test:5000/repo:tag@${A}`, "test:5000", "repo", "tag", A],
  ["test-com:8080/foo", "test-com:8080", "foo"],
  ["sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com", "bar/baz/quux", "some-long-tag"],
  ["b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io", "test.example.com/my-app", "test.example.com"],
  ["xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", "xn--n3h.com"],
  [`xn--7o8h.com/myimage:xn--7o8h.com@${B}`, "xn--7o8h.com", "myimage", "xn--7o8h.com", B],
  [
    "registry.io/foo/project--id.module--name.ver---sion--name",
    "registry.io",
    "foo/project--id.module--name.ver---sion--name",
  ],
  ["example.com/some_separator__underscore/myimage", "example.com", "some_separator__underscore/myimage"],
  ["Foo/bar", "Foo", "bar"],
  ["FOO/bar", "FOO", "bar"],
  ["Asdf.com/foo/bar", "Asdf.com", "foo/bar"],
  ["LOCALDOMAIN/library/debian", "LOCALDOMAIN", "library/debian"],
  ["0101.com/a", "0101.com", "a"],
  ["ab.c-om/a", "ab.c-om", "a"],
  ["192.168.1.1:750050/a", "192.168.1.1:750050", "a"],
  ["[2001:db8::1]/repo", "[2001:db8::1]", "repo"],
  ["[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", "tag"],
  ["[::1]:5000/repo", "[::1]:5000", "repo"],
  [`[2001:db8::1]:5000/repo:tag@${A}`, "[2001:db8::1]:5000", "repo", "tag", A],
  [
    "docker.io/1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a",
    "docker.io",
    "library/1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a",
  ],
  ["dbcc1", "docker.io", "library/dbcc1"],
  [
    "dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9",
    "docker.io",
    "library/dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9",
  ],
  [
    "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
    "docker.io",
    "library/thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
  ],
  [`${"a/".repeat(127)}a:tag-puts-this-over-max`, "docker.io", `${"a/".repeat(127)}a`, "tag-puts-this-over-max"],
  [`a.b/c:${"t".repeat(128)}`, "a.b", "c", "t".repeat(128)],
  ["a.b/c:_x", "a.b", "c", "_x"],
];

const FORMAT = "invalid reference format";
const REFUSED: readonly (readonly [string, string])[] = [
  ["", FORMAT],
  [":justtag", FORMAT],
  [`@${A}`, FORMAT],
  ["repo@", FORMAT],
  ["repo@bad", FORMAT],
  ["repo@2bad", FORMAT],
  ["repo@sha256:badbadbadbad", FORMAT],
  ["repo@sha256:ffffffffffffffffffffffffffffffffff", "invalid checksum digest length"],
  [`repo@invaliddigest:${"f".repeat(64)}`, "unsupported digest algorithm"],
  [`repo@sha256:${"F".repeat(64)}`, "invalid checksum digest length"],
  [`repo@${A}:tag`, FORMAT],
  [`repo@${A}@${A}`, FORMAT],
  ["repo:", FORMAT],
  ["repo:a:b", FORMAT],
  ["repo:-foo", FORMAT],
  ["repo:.foo", FORMAT],
  ["repo:invalid~tag", FORMAT],
  [`repo:${"t".repeat(129)}`, FORMAT],
  ["Uppercase:tag", "invalid reference format: repository name (library/Uppercase) must be lowercase"],
  ["docker/Docker", "invalid reference format: repository name (docker/Docker) must be lowercase"],
  ["docker.io/docker/Docker", "invalid reference format: repository name (docker/Docker) must be lowercase"],
  ["test:5000/Upper/lower:tag", "invalid reference format: repository name (Upper/lower) must be lowercase"],
  [`${"a/".repeat(128)}a:tag`, "invalid reference format: repository name must not be more than 255 characters"],
  [
    "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a",
    "invalid repository name (1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a), cannot specify 64-byte hexadecimal strings",
  ],
  ["aa/asdf$$^/aa", FORMAT],
  ["a^a", FORMAT],
  ["https://github.com/docker/docker", FORMAT],
  ["-docker", FORMAT],
  ["-docker/docker", FORMAT],
  ["docker-/docker", FORMAT],
  ["-docker.io/docker/docker", FORMAT],
  ["docker./docker", FORMAT],
  [".docker/docker", FORMAT],
  ["foo/bar-", FORMAT],
  ["foo/-bar", FORMAT],
  ["docker///docker", FORMAT],
  ["docker.io/docker///docker", FORMAT],
  ["docker/", FORMAT],
  ["foo.com/", FORMAT],
  ["/foo", FORMAT],
  ["/", FORMAT],
  ["a/a/", FORMAT],
  ["a//a", FORMAT],
  ["____/____", FORMAT],
  ["_docker/_docker", FORMAT],
  ["docker_/docker_", FORMAT],
  ["a___b/c", FORMAT],
  ["dock..er/docker", FORMAT],
  ["dock_.er/docker", FORMAT],
  ["dock-.er/docker", FORMAT],
  ["example.com/__underscore/myimage", FORMAT],
  ["example.com/..dots/myimage", FORMAT],
  ["example.com/../myimage", FORMAT],
  ["foo.com:http/bar", FORMAT],
  ["foo_bar.com:8080/app", FORMAT],
  ["do__cker:8080/docker", FORMAT],
  ["-ab.com/x", FORMAT],
  ["ab-.com/x", FORMAT],
  ["ab.-com/x", FORMAT],
  ["ab.com-/x", FORMAT],
  ["fc00::1:5000/debian", FORMAT],
  ["[fc00::1]", FORMAT],
  ["[fc00::1]:5000", FORMAT],
  ["[fc00::1]:tag", FORMAT],
  ["[fd00:1:2::3]75050/a", FORMAT],
  ["[fd00:1:2::3]::75050/a", FORMAT],
  ["[fe80::1%eth0]:5000/debian", FORMAT],
  ["[fe80::1%@invalidzone]:5000/repo", FORMAT],
  ["[2001:db8:3:4::192.0.2.33]:5000/debian", FORMAT],
  ["busybox\n", FORMAT],
  ["busy box", FORMAT],
  ["busybox:lat\nest", FORMAT],
  ["bücher", FORMAT],
  ["a".repeat(5000), FORMAT],
];

describe("parseReference", () => {
  for (const [text, registry, repository, tag, digest] of ACCEPTED) {
    test(`reads ${text.slice(0, 80)}`, () => {
      const expected: Record<string, string> = { registry, repository };
      if (tag !== undefined) expected.tag = tag;
      if (digest !== undefined) expected.digest = digest;
      expect<unknown>(parseReference(text)).toEqual(expected);
    });
  }

  for (const [text, message] of REFUSED) {
    test(`refuses ${JSON.stringify(text.slice(0, 80))}`, () => {
      expect(() => parseReference(text)).toThrow(message);
    });
  }

  test("what is formatted reads back as the same", () => {
    for (const [text] of ACCEPTED) {
      const reference = withDefaultTag(parseReference(text));
      expect(parseReference(formatReference(reference))).toEqual(reference);
      expect(parseReference(familiarReference(reference))).toEqual(reference);
    }
  });

  test("another default registry takes no library/", () => {
    const reference = parseReference("app:1", { defaultRegistry: "registry.lan:5000" });
    expect(formatReference(reference)).toBe("registry.lan:5000/app:1");
    expect(formatReference(parseReference("docker.io/app:1", { defaultRegistry: "registry.lan" }))).toBe(
      "docker.io/library/app:1",
    );
  });

  test("any text is read or refused, and quickly", () => {
    const character = fc.constantFrom(..."aA0-_./:@[]%é\n".split(""), "sha256:", "__", "docker.io/");
    fc.assert(
      fc.property(fc.array(character, { maxLength: 200 }), (parts) => {
        const text = parts.join("");
        try {
          const reference = withDefaultTag(parseReference(text));
          expect(parseReference(formatReference(reference))).toEqual(reference);
        } catch (error) {
          expect((error as { code?: string }).code).toBe("invalid-argument");
        }
      }),
    );
  });
});

describe("formatReference", () => {
  test("spells out what Docker's short forms mean, and back", () => {
    const short = parseReference("busybox");
    expect(formatReference(short)).toBe("docker.io/library/busybox:latest");
    expect(familiarReference(short)).toBe("busybox:latest");
    expect(formatRepository(short)).toBe("docker.io/library/busybox");
    expect(familiarRepository(parseReference("docker.io/library/a/b"))).toBe("library/a/b");
    expect(familiarReference(parseReference(`busybox:1@${A}`))).toBe(`busybox:1@${A}`);
    expect(familiarReference(parseReference("quay.io/library/x"))).toBe("quay.io/library/x:latest");
  });
});
