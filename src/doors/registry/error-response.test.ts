import { expect, test } from "bun:test";
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
