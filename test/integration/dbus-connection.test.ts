import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DbusConnection } from "../../src/linux/dbus/dbus-connection.ts";

const DAEMON = "/usr/bin/dbus-daemon";
const uid = process.getuid?.() ?? 0;
const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };

describe.skipIf(!existsSync(DAEMON))("a connection to a real bus", () => {
  let directory: string;
  let daemon: ChildProcess;
  let path: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "gantry-dbus-"));
    path = join(directory, "bus");
    const config = join(directory, "bus.conf");
    const rules = `<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/><allow user="*"/></policy>`;
    writeFileSync(config, `<busconfig><listen>unix:path=${path}</listen><auth>EXTERNAL</auth>${rules}</busconfig>`);
    daemon = spawn(DAEMON, [`--config-file=${config}`, "--nofork", "--nosyslog"], { stdio: "ignore" });
    const deadline = performance.now() + 10_000;
    while (!existsSync(path)) {
      if (performance.now() > deadline) throw new Error("dbus-daemon does not listen");
      await Bun.sleep(5);
    }
  });

  afterAll(() => {
    daemon.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  test("calls, in parallel, with long arguments and answers", async () => {
    const connection = await DbusConnection.connect(path, { uid });
    const ask = (name: string): Promise<unknown> =>
      connection.call({ ...BUS, member: "NameHasOwner", signature: "s", body: [name] });
    expect(await Promise.all([ask("org.freedesktop.DBus"), ask("no.such.name")])).toEqual([[true], [false]]);
    const [names] = await connection.call({ ...BUS, member: "ListNames" });
    expect(names).toContain("org.freedesktop.DBus");
    const [xml] = await connection.call({
      ...BUS,
      interface: "org.freedesktop.DBus.Introspectable",
      member: "Introspect",
    });
    expect(String(xml)).toContain("<interface name=");
    connection.close();
  });

  test("the peer's no is an error with its name", async () => {
    const connection = await DbusConnection.connect(path, { uid });
    const call = connection.call({ ...BUS, member: "NoSuchMethod" });
    expect(call).rejects.toMatchObject({ dbusName: "org.freedesktop.DBus.Error.UnknownMethod" });
    await call.catch(() => undefined);
    connection.close();
  });

  test("signals come to who listens", async () => {
    const [one, other] = await Promise.all([
      DbusConnection.connect(path, { uid }),
      DbusConnection.connect(path, { uid }),
    ]);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    one.onSignal((message) => {
      if (message.member === "NameOwnerChanged") resolve(message.body[0]);
    });
    const rule = "type='signal',member='NameOwnerChanged',arg0='org.gantry.test'";
    await one.call({ ...BUS, member: "AddMatch", signature: "s", body: [rule] });
    await other.call({ ...BUS, member: "RequestName", signature: "su", body: ["org.gantry.test", 0] });
    expect(await promise).toBe("org.gantry.test");
    one.close();
    other.close();
  });

  test("a closed connection ends what waits, and says so to what comes", async () => {
    const connection = await DbusConnection.connect(path, { uid });
    const waits = connection.call({ ...BUS, member: "ListNames" }).catch((error) => error);
    connection.close();
    expect(await waits).toMatchObject({ code: "unavailable" });
    expect(await connection.call({ ...BUS, member: "ListNames" }).catch((error) => error)).toMatchObject({
      code: "unavailable",
    });
  });

  test("nobody there, and a user that is not accepted, are told", async () => {
    expect(await DbusConnection.connect(join(directory, "no"), { uid }).catch((error) => error)).toMatchObject({
      code: "unavailable",
    });
    expect(await DbusConnection.connect(path, { uid: uid + 1 }).catch((error) => error)).toMatchObject({
      code: "permission-denied",
    });
  });
});
