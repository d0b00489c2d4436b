import { expect, test } from "bun:test";
import { fakeApi, runMain } from "../../../test/support/cli-double.ts";
import { ApiError } from "../../api/api-error.ts";
import type { UpdateContainerRequest } from "../../api/container-config.ts";

function play(): { readonly requests: [string, UpdateContainerRequest][]; readonly api: ReturnType<typeof fakeApi> } {
  const requests: [string, UpdateContainerRequest][] = [];
  const api = fakeApi({
    async updateContainer(name, request) {
      if (name === "gone") throw new ApiError(404, "No such container: gone");
      requests.push([name, request]);
      return { Warnings: ["a warning"] };
    },
  });
  return { requests, api };
}

test("limits are changed for each container, its name printed, warnings after all", async () => {
  const { requests, api } = play();
  const line = "update --memory 64m --pids-limit -1 -c 512 a gone b";
  const { status, stdout, stderr } = await runMain(line.split(" "), { api });
  expect(status).toBe(1);
  expect(stdout).toBe("a\nb\na warning\na warning\n");
  expect(stderr).toContain("No such container: gone");
  expect(requests.map(([name]) => name)).toEqual(["a", "b"]);
  expect(requests[0]?.[1]).toMatchObject({
    Memory: 64 << 20,
    PidsLimit: -1,
    CpuShares: 512,
    CpusetCpus: "",
    NanoCpus: 0,
  });
});

test("without a flag there is nothing to do, and a restart policy is refused by name", async () => {
  const { requests, api } = play();
  const none = await runMain(["update", "a"], { api });
  expect(none.status).not.toBe(0);
  expect(none.stderr).toContain("you must provide one or more flags when using this command");
  const restart = await runMain(["update", "--restart", "always", "a"], { api });
  expect(restart.status).not.toBe(0);
  expect(restart.stderr).toContain("--restart");
  expect(requests).toEqual([]);
});
