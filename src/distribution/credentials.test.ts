import { expect, test } from "bun:test";
import { chooseCredentials } from "./credentials.ts";

test("the most special credentials win, empty ones are none", () => {
  expect([
    chooseCredentials(undefined),
    chooseCredentials({ username: "", password: "x" }),
    chooseCredentials({ username: "u", password: "p" }),
    chooseCredentials({ username: "u", password: "p", identityToken: "i" }),
    chooseCredentials({ identityToken: "i", registryToken: "r" }),
  ]).toEqual([
    undefined,
    undefined,
    { kind: "password", username: "u", password: "p" },
    { kind: "identity-token", token: "i" },
    { kind: "registry-token", token: "r" },
  ]);
});
