import { expect, test } from "bun:test";
import { connect } from "node:net";
import { until } from "../support/daemon.ts";
import { EngineFixture } from "./engine-fixture.ts";
import { NetworkLab } from "./network-lab.ts";

/** All that a server says before it closes. */
function hear(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => {});
    socket.on("data", (bytes) => {
      text += bytes;
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });
}

test("a bridge: an address, names, a published port, a port taken, a shared network, and nothing left", async () => {
  await using lab = NetworkLab.open("e7e7e7e7");
  const stack = lab.stack();
  await stack.open();
  const fixture = await EngineFixture.open({ network: stack });
  try {
    const { engine } = fixture;
    const serve = ["sh", "-c", "echo up; while :; do echo hello | nc -l -p 80; done"];
    const publish = [{ containerPort: 80, protocol: "tcp" as const, hostPort: 18080 }];
    const { id } = await engine.create({ image: "box", command: serve, network: { publish } }, { name: "web" });
    const session = await engine.attach(id, { stdout: true });
    await engine.start(id);
    for await (const _ of session.output) break;
    const { endpoint } = engine.inspect("web").network ?? {};
    expect(endpoint?.ports).toEqual([expect.objectContaining({ containerPort: 80, hostPort: 18080 })]);
    expect((await fixture.exec(id, ["cat", "/etc/hosts"])).stdout).toContain(
      `${endpoint?.address}\t${id.slice(0, 12)}`,
    );
    expect((await fixture.exec(id, ["ip", "-o", "-4", "addr", "show", "eth0"])).stdout).toContain(
      `${endpoint?.address}/`,
    );
    await until("it answers", async () => (await hear(18080).catch(() => "")) === "hello\n");

    const second = await engine.create({ image: "box", command: ["true"], network: { publish } }, {});
    await expect(engine.start(second.id)).rejects.toThrow("port is already allocated");
    await engine.remove(second.id);

    const joined = await fixture.run({
      command: ["sh", "-c", "hostname; ip -o -4 addr show eth0"],
      network: { mode: "container:web" },
      autoRemove: true,
    });
    expect(joined.stdout).toStartWith(`${id.slice(0, 12)}\n`);
    expect(joined.stdout).toContain(`${endpoint?.address}/`);

    for await (const sample of engine.stats(id, { stream: false }))
      expect(Object.keys(sample.networks)).toEqual(["eth0"]);
    await engine.remove(id, { force: true });
    expect(stack.endpoint(id)).toBeUndefined();
    expect(fixture.leftovers()).toEqual([]);
    expect(fixture.warnings).toEqual([]);
  } finally {
    await fixture[Symbol.asyncDispose]();
    stack.close();
  }
});
