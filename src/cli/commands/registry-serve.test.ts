import { expect, test } from "bun:test";
import { fakeApi, runMain } from "../../../test/support/cli-double.ts";
import type { RegistryNotice } from "../../api/registry.ts";
import { GantryError } from "../../errors/gantry-error.ts";

test("a daemon that ends while it serves a registry is told as that, with what to do", async () => {
  const serveRegistry = async () =>
    (async function* (): AsyncGenerator<RegistryNotice> {
      yield { kind: "listening", address: "127.0.0.1:5000" };
      throw new GantryError("data-loss", "the daemon's answer broke off: it ends within a chunk");
    })();
  expect(await runMain(["registry", "serve"], { api: fakeApi({ serveRegistry }) })).toEqual({
    status: 1,
    stdout: "",
    stderr:
      "gantry: the registry serves at 127.0.0.1:5000\n" +
      "gantry: the registry serves no more: the daemon that served it has ended (the same command serves it again)\n",
  });
});

test("who may not use the daemon learns that a root of their own needs none", async () => {
  const api = new GantryError("permission-denied", "cannot use the daemon: only root may", {
    hint: "run it with sudo",
  });
  expect(await runMain(["registry", "serve"], { api })).toEqual({
    status: 1,
    stdout: "",
    stderr:
      "gantry: cannot use the daemon: only root may (run it with sudo, or serve a folder of your own with --root, which needs no daemon)\n",
  });
});
