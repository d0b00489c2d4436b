import { expect, test } from "bun:test";
import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import { diskError } from "../../errors/disk-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { errorResponse } from "./error-response.ts";

test("a client hears what failed and what to do, not of our files and hosts", async () => {
  const cause = new Error("EACCES: permission denied, open '/etc/secret/password'");
  const error = new GantryError("unavailable", "hub.test cannot be asked", { hint: "try again later", cause });
  const response = errorResponse(error);
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({
    errors: [{ code: "UNAVAILABLE", message: "hub.test cannot be asked (try again later)" }],
  });
});

test("a full disk is 507, a quota 403, a limit of requests 429", () => {
  const full = diskError("cannot store a blob", Object.assign(new Error("write"), { code: "ENOSPC" }));
  const refusals = [full, new RegistryError("DENIED", "no room"), new RegistryError("TOOMANYREQUESTS", "slowly")];
  expect(refusals.map((error) => errorResponse(error).status)).toEqual([507, 403, 429]);
});
