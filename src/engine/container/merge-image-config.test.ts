import { describe, expect, test } from "bun:test";
import { mergeImageConfig, processEnv } from "./merge-image-config.ts";

const image = {
  Entrypoint: ["/entry"],
  Cmd: ["default"],
  Env: ["PATH=/image", "A=image"],
  WorkingDir: "/work",
  User: "app",
  Labels: { a: "image", b: "image" },
  ExposedPorts: { "80": {}, "53/udp": {} },
  StopSignal: "SIGINT",
};
const merge = (config: object): ReturnType<typeof mergeImageConfig> =>
  mergeImageConfig({ image: "x", ...config }, image, { defaultHostname: "abc" });

describe("mergeImageConfig", () => {
  test("fills what was left out", () => {
    expect(merge({})).toMatchObject({
      entrypoint: ["/entry"],
      command: ["default"],
      workingDirectory: "/work",
      user: "app",
      hostname: "abc",
      stopSignal: "SIGINT",
      exposedPorts: ["80/tcp", "53/udp"],
    });
  });

  test("a command keeps the entrypoint; an entrypoint drops the image's command; an empty one resets", () => {
    const parts = (config: object): unknown => [merge(config).entrypoint, merge(config).command];
    expect(parts({ command: ["mine"] })).toEqual([["/entry"], ["mine"]]);
    expect(parts({ entrypoint: ["/mine"] })).toEqual([["/mine"], []]);
    expect(parts({ entrypoint: [""], command: ["mine"] })).toEqual([[], ["mine"]]);
    expect(parts({ entrypoint: [] })).toEqual([[], []]);
  });

  test("environment and labels are joined, the caller's winning", () => {
    const { env, labels } = merge({ env: ["A=mine", "B=1"], labels: { a: "mine" } });
    expect(env).toEqual(["A=mine", "B=1", "PATH=/image"]);
    expect(labels).toEqual({ a: "mine", b: "image" });
  });
});

test("processEnv: Docker's own below, the container's above, a bare name removes", () => {
  const options = { hostname: "h", tty: true, home: "/root" };
  expect(processEnv([], options)).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=h",
    "TERM=xterm",
    "HOME=/root",
  ]);
  expect(processEnv(["PATH=/x", "TERM", "HOME=/h", "A=1", "A=2"], options)).toEqual([
    "PATH=/x",
    "HOSTNAME=h",
    "HOME=/h",
    "A=2",
  ]);
});
