import { spawn } from "node:child_process";
import { type ErrorCode, GantryError } from "../errors/gantry-error.ts";
import { ERRNO } from "../platform/errno.ts";
import { formatHostPort, portTaken } from "./port-hold.ts";
import type { StartRelay } from "./relay.ts";

/** The relay says one line before it serves. */
const MAX_ANSWER_BYTES = 512;

/** What a relay says about its start; `undefined` if it listens. Total. */
export function parseRelayAnswer(answer: string): GantryError | undefined {
  if (answer === "listening\n") return undefined;
  const match = /^failed ([0-9]+) (.*)\n$/.exec(answer);
  const errno = Number(match?.[1]);
  const words = match?.[2] ?? "it ended without a word";
  const place = /^cannot listen on (\S+) port ([0-9]+):/.exec(words);
  const port = { protocol: "tcp", hostAddress: place?.[1] ?? "", hostPort: Number(place?.[2] ?? 0) } as const;
  if (place !== null && errno === ERRNO.EADDRINUSE) return portTaken(port);
  const codes: Readonly<Record<number, ErrorCode>> = {
    [ERRNO.EADDRNOTAVAIL]: "invalid-argument",
    [ERRNO.EAFNOSUPPORT]: "invalid-argument",
    [ERRNO.EACCES]: "permission-denied",
  };
  const what = place === null ? "cannot start the relay of published ports" : `Bind for ${formatHostPort(port)} failed`;
  return new GantryError(codes[errno] ?? "internal", `${what}: ${words}`);
}

/** Starts relays from the native helper at `helperPath`; each outlives this process (it leaves its session). */
export function relayStarter(helperPath: string): StartRelay {
  return (args) =>
    new Promise((resolve, reject) => {
      const child = spawn(helperPath, [...args], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
      let answer = "";
      const decide = (): void => {
        child.stdout.removeAllListeners();
        child.stdout.destroy();
        child.unref();
        const failure = parseRelayAnswer(answer);
        if (failure === undefined && child.pid !== undefined) resolve(child.pid);
        else reject(failure ?? new GantryError("internal", "cannot start the relay of published ports"));
      };
      child.once("error", (cause) =>
        reject(new GantryError("internal", `cannot start the relay of published ports (${helperPath})`, { cause })),
      );
      child.stdout.on("data", (bytes: Buffer) => {
        answer += bytes.toString("latin1");
        if (answer.includes("\n") || answer.length > MAX_ANSWER_BYTES) decide();
      });
      child.stdout.once("end", decide);
    });
}
