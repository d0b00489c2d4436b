import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { readStartTime } from "../platform/process-identity.ts";
import { parseRelayCommandLine, processEnded, relayCommandLines } from "./relay.ts";
import { parseRelayAnswer } from "./spawn-relay.ts";

const PORT = { containerPort: 80, hostPort: 8080, protocol: "tcp", hostAddress: "0.0.0.0" } as const;
const ENDPOINT = { containerId: "c1", address: "172.17.0.2", ports: [PORT] };

describe("relays", () => {
  test("keep every address of both families, or the one that is given", () => {
    expect(relayCommandLines("01234567", ENDPOINT, { hasIpv6: true }).map((args) => args.join(" "))).toEqual([
      "relay --id gantry-01234567/c1 tcp 0.0.0.0 8080 172.17.0.2 80 tcp :: 8080 172.17.0.2 80",
    ]);
    const local = { ...ENDPOINT, ports: [{ ...PORT, hostAddress: "127.0.0.1" }] };
    expect(relayCommandLines("01234567", local, { hasIpv6: false }).map((args) => args.join(" "))).toEqual([
      "relay --id gantry-01234567/c1 tcp 127.0.0.1 8080 172.17.0.2 80",
    ]);
    expect(relayCommandLines("01234567", { ...ENDPOINT, ports: [] }, { hasIpv6: true })).toEqual([]);
  });

  test("of a container with very many ports are several", () => {
    const ports = Array.from({ length: 100 }, (_, index) => ({ ...PORT, hostPort: 8000 + index }));
    expect(relayCommandLines("01234567", { ...ENDPOINT, ports }, { hasIpv6: true })).toHaveLength(4);
  });

  test("are known by their command line, and those of other roots left alone", () => {
    const [args = []] = relayCommandLines("01234567", ENDPOINT, { hasIpv6: true });
    const line = `${["/proc/self/fd/5", ...args].join("\0")}\0`;
    expect(parseRelayCommandLine(line, "01234567")).toEqual({ containerId: "c1", args });
    for (const [other, hash] of [
      [line, "76543210"],
      ["", "01234567"],
      ["relay\0--id", "01234567"],
      ["vi\0gantry-01234567/c1\0", "01234567"],
    ] as const) {
      expect(parseRelayCommandLine(other, hash)).toBeUndefined();
    }
  });

  test("have ended when the process is gone, not when its command line is", async () => {
    // As it is in the middle of its end: without memory, with its descriptors.
    const script = '$0 = ""; $| = 1; print "ready"; sleep 1000';
    const process = Bun.spawn(["perl", "-e", script], { stdout: "pipe" });
    await process.stdout.getReader().read();
    expect(readFileSync(`/proc/${process.pid}/cmdline`, "latin1").replaceAll("\0", "")).toBe("");
    const ended = processEnded({ pid: process.pid, startTime: readStartTime(process.pid) ?? 0 }).then(() => "ended");
    expect(await Promise.race([ended, Bun.sleep(50).then(() => "runs")])).toBe("runs");
    process.kill();
    expect(await ended).toBe("ended");
    expect(await process.exited).not.toBe(0);
  });

  test("say why they do not start", () => {
    expect(parseRelayAnswer("listening\n")).toBeUndefined();
    expect(parseRelayAnswer("failed 98 cannot listen on 0.0.0.0 port 80: Address in use\n")).toMatchObject({
      code: "conflict",
      message: "Bind for 0.0.0.0:80 failed: port is already allocated",
    });
    expect(parseRelayAnswer("failed 13 cannot listen on :: port 80: Permission denied\n")?.code).toBe(
      "permission-denied",
    );
    expect(parseRelayAnswer("")?.code).toBe("internal");
  });
});
