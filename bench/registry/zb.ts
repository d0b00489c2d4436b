import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PeerAbsent } from "../peers/peer.ts";
import { findZb, type RegistryPeer } from "./registry-peer.ts";

const CLIENTS = 4;
const REQUESTS = 8;

/** What zot's own load generator says of each registry: requests a second by test. Whom it cannot judge is left out, which is told. */
export async function judgeByZb(
  peers: readonly RegistryPeer[],
): Promise<readonly { readonly what: string; readonly values: Readonly<Record<string, number>> }[]> {
  let zb: string;
  try {
    zb = findZb();
  } catch (error) {
    if (!(error instanceof PeerAbsent)) throw error;
    process.stderr.write(`bench: left out: ${error.message}\n`);
    return [];
  }
  const byTest = new Map<string, Record<string, number>>();
  for (const peer of peers) {
    try {
      for (const [test, perSecond] of await runZb(zb, peer)) {
        byTest.set(test, { ...byTest.get(test), [peer.name]: perSecond });
      }
    } catch (error) {
      process.stderr.write(`bench: left out: zb with ${peer.name}: ${(error as Error).message}\n`);
    }
  }
  return [...byTest].map(([test, values]) => ({ what: `zb, ${CLIENTS} clients: ${test}`, values }));
}

async function runZb(zb: string, { host }: RegistryPeer): Promise<readonly (readonly [string, number])[]> {
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-zb-"));
  try {
    const args = ["-d", folder, "-c", String(CLIENTS), "-n", String(REQUESTS), `http://${host}`];
    const child = Bun.spawn([zb, ...args], { stdio: ["ignore", "pipe", "pipe"], cwd: folder });
    const [status, report] = await Promise.all([child.exited, new Response(child.stdout).text()]);
    if (status !== 0) throw new Error(`zb ended with ${status}: ${report.slice(-500)}`);
    const tests = report.matchAll(/Test name: *(.+?) *\n[\s\S]*?Requests per second: *([\d.e+]+)/g);
    return [...tests].map(([, test = "", perSecond]) => [test, Number(perSecond)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
