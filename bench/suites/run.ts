import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectEngine } from "../../src/client/engine-client.ts";
import { alternate, type Contender, type Measured, runToEnd } from "../alternate.ts";
import type { BenchPeers } from "../bench-peers.ts";
import type { EnginePeer } from "../peers/peer.ts";
import type { Row } from "../report.ts";

const ROUNDS = { rounds: 15, warmUps: 5 };

/** A whole `run --rm IMAGE true`, from the shell's point of view. */
function runOnce(peer: EnginePeer, flags: readonly string[]): Contender {
  const command = [...peer.command, "run", "--rm", ...flags, peer.image, "true"];
  return {
    name: peer.name,
    async run() {
      runToEnd(command, peer.environment);
      return undefined;
    },
  };
}

export function valuesOf(measured: readonly Measured[]): Record<string, number> {
  return Object.fromEntries(measured.map(({ name, medianMs }) => [name, medianMs]));
}

/** One container from nothing to its end. */
export async function benchRun({ gantry, engines, bundle }: BenchPeers): Promise<readonly Row[]> {
  const runtimes = (["runc", "crun", "bare"] as const).flatMap((name): Contender[] =>
    bundle === undefined ? [] : [{ name, run: async () => void runToEnd(bundle.commandOf(name)) }],
  );
  const everybody = [gantry, ...engines];
  const bridged = valuesOf(
    await alternate(
      everybody.map((peer) => runOnce(peer, [])),
      ROUNDS,
    ),
  );
  const alone = valuesOf(
    await alternate([...everybody.map((peer) => runOnce(peer, ["--network", "none"])), ...runtimes], ROUNDS),
  );
  using nothing = await buildNothing();
  const shares = await alternate([ownShare(gantry), nothing], ROUNDS);
  const api = await alternate([createAndStart(gantry.socketPath, gantry.image), ...runtimes], {
    rounds: 40,
    warmUps: 20,
  });
  const calls = valuesOf(api);
  return [
    { what: "`run --rm IMAGE true`", unit: "ms", values: bridged, ...target("1/15 of docker", bridged.docker, 1 / 15) },
    {
      what: "the same without network; `run` of a bundle (bare: its system calls in C)",
      unit: "ms",
      values: alone,
      ...target("runc", alone.runc, 1),
    },
    {
      what: "a command line alone (`ps -q`; bare: a Bun program that does nothing)",
      unit: "ms",
      values: valuesOf(shares),
      target: { text: "10 ms", limit: 10 },
    },
    { what: "create + start by API; `run` of a bundle", unit: "ms", values: calls, ...target("crun", calls.crun, 1) },
  ];
}

export function target(text: string, value: number | undefined, share: number): Pick<Row, "target"> {
  return value === undefined ? {} : { target: { text, limit: value * share } };
}

/** The least that a command line in this runtime can cost. */
async function buildNothing(): Promise<Contender & Disposable> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-nothing-"));
  const source = join(folder, "nothing.ts");
  const program = join(folder, "nothing");
  writeFileSync(source, "process.exit(0);\n");
  await Bun.build({
    entrypoints: [source],
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    compile: { outfile: program },
  });
  return {
    name: "bare",
    async run() {
      runToEnd([program]);
      return undefined;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What a command costs that asks the daemon for next to nothing. */
function ownShare(peer: EnginePeer): Contender {
  return {
    name: peer.name,
    async run() {
      runToEnd([...peer.command, "ps", "-q"], peer.environment);
      return undefined;
    },
  };
}

/** Two calls to a daemon that is warm; the container's end and removal are waited for, and not counted. */
function createAndStart(socketPath: string, image: string): Contender {
  const api = connectEngine(`unix://${socketPath}`);
  return {
    name: "gantry",
    async run() {
      const beganAt = performance.now();
      const { Id } = await api.createContainer({
        Image: image,
        Cmd: ["true"],
        HostConfig: { NetworkMode: "none", AutoRemove: true },
      });
      const createdAt = performance.now();
      const { result } = await api.waitContainer(Id, { condition: "removed" });
      const waitingAt = performance.now();
      await api.startContainer(Id);
      const startedAt = performance.now();
      await result;
      return createdAt - beganAt + (startedAt - waitingAt);
    },
  };
}
