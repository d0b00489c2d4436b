import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatError, GantryError, isGantryError } from "./gantry-error.ts";

describe("formatError", () => {
  test("joins the causes that add something, and ends with the hint", () => {
    const cause = new Error("ENOSPC: no space left on device");
    const error = new GantryError("exhausted", "cannot write blob sha256:00", { cause, hint: "free some disk space" });
    expect(formatError(error)).toBe(
      "cannot write blob sha256:00: ENOSPC: no space left on device (free some disk space)",
    );
  });

  test("does not repeat a cause that the message already quotes", () => {
    const error = new GantryError("internal", "cannot start: boom", { cause: new Error("boom") });
    expect(formatError(error)).toBe("cannot start: boom");
  });

  test("names the file of a system call once", () => {
    const causeOf = (path: string): unknown => {
      try {
        return readFileSync(path);
      } catch (cause) {
        return cause;
      }
    };
    const cause = causeOf("/no/such/file");
    expect(formatError(new GantryError("not-found", "cannot read /no/such/file", { cause }))).toBe(
      "cannot read /no/such/file: ENOENT: no such file or directory",
    );
    expect(formatError(new GantryError("not-found", "cannot start", { cause }))).toBe(
      "cannot start: ENOENT: no such file or directory, open '/no/such/file'",
    );
  });

  test("says the reason of a system call once", () => {
    const cause = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      syscall: "write",
    });
    expect(formatError(new GantryError("exhausted", "cannot change x: no space left on device", { cause }))).toBe(
      "cannot change x: no space left on device",
    );
    expect(formatError(new GantryError("exhausted", "cannot change x", { cause }))).toBe(
      "cannot change x: ENOSPC: no space left on device, write",
    );
  });

  test("accepts what is not an error", () => {
    expect(formatError("plain")).toBe("plain");
  });

  test("is never empty: an error without words is told by its name", () => {
    const wordless = new AggregateError([new Error("refused")]);
    expect(formatError(wordless)).toBe("AggregateError");
    expect(formatError(new GantryError("internal", "cannot connect", { cause: wordless }))).toBe(
      "cannot connect: AggregateError",
    );
  });
});

describe("isGantryError", () => {
  test("tells codes apart", () => {
    const error = new GantryError("not-found", "no such image: x");
    expect([isGantryError(error), isGantryError(error, "not-found"), isGantryError(error, "conflict")]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isGantryError(new Error("x"))).toBe(false);
  });
});
