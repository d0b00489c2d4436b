import type { EngineApi } from "../../api/engine-api.ts";
import type { StatsResponse } from "../../api/stats.ts";
import { defineCommand } from "../command.ts";
import { errorLine } from "../error-line.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { parseFormat, renderList } from "../format/render-list.ts";
import { type StatsLine, statsList } from "../format/stats-list.ts";

const REFRESH_MS = 500;
const HOME = "\x1b[H";
const CLEAR_LINE_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** The containers on the screen with their last readings; each is read by a loop of its own. */
class Readings {
  readonly #api: EngineApi;
  readonly #readings = new Map<string, StatsResponse | undefined>();
  readonly #stops = new Map<string, AbortController>();
  /** Sentences about containers that could not be read. */
  readonly problems: string[] = [];

  constructor(api: EngineApi) {
    this.#api = api;
  }

  get lines(): readonly StatsLine[] {
    return [...this.#readings].map(([requested, reading]) => ({ requested, reading }));
  }

  /** Reads once; a container that is gone drops out. */
  async readOnce(name: string): Promise<void> {
    this.#readings.set(name, undefined);
    try {
      for await (const reading of await this.#api.containerStats(name, { stream: false })) {
        this.#readings.set(name, reading);
        return;
      }
    } catch (error) {
      this.#readings.delete(name);
      this.problems.push(errorLine(error));
    }
  }

  /** Goes on reading until the container ends or `forget`. */
  follow(name: string): void {
    if (this.#readings.has(name)) return;
    const stop = new AbortController();
    this.#readings.set(name, undefined);
    this.#stops.set(name, stop);
    void this.#read(name, stop.signal);
  }

  async #read(name: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const reading of await this.#api.containerStats(name, { stream: true, signal })) {
        if (signal.aborted) return;
        this.#readings.set(name, reading);
      }
      this.#readings.set(name, undefined);
    } catch (error) {
      if (signal.aborted) return;
      this.problems.push(errorLine(error));
      this.forget(name);
    }
  }

  forget(name: string): void {
    this.#stops.get(name)?.abort();
    this.#stops.delete(name);
    this.#readings.delete(name);
  }
}

/** Containers that come and go while we look. */
async function followEvents(api: EngineApi, readings: Readings, showsAll: boolean): Promise<void> {
  const events = await api.events({ filters: { type: ["container"] } });
  const isNew = (action: string) => action === "start" || (showsAll && action === "create");
  const isGone = (action: string) => action === "destroy" || (!showsAll && action === "die");
  void (async () => {
    try {
      for await (const { Action, Actor } of events) {
        if (isNew(Action)) readings.follow(Actor.ID);
        if (isGone(Action)) readings.forget(Actor.ID);
      }
    } catch {
      // The daemon ended: the readings end with it.
    }
  })();
}

export const command = defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  flags: {
    all: switchFlag("Show all containers, not those alone that run", { short: "a" }),
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    "no-stream": switchFlag("Print one reading and end"),
    "no-trunc": switchFlag("Do not shorten ids"),
  },
  arguments: { min: 0 },
  async run({ terminal, connect }, { flags, positionals }) {
    const format = flags.format === undefined ? {} : { format: flags.format };
    if (flags.format !== undefined) parseFormat(flags.format.replace(/^(table|json$)/, ""));
    const list = statsList(!flags["no-trunc"]);
    const api = await connect();
    const readings = new Readings(api);
    const isEverything = positionals.length === 0;
    if (isEverything && !flags["no-stream"]) await followEvents(api, readings, flags.all);
    const names = isEverything ? (await api.listContainers({ all: flags.all })).map(({ Id }) => Id) : positionals;
    if (flags["no-stream"]) {
      await Promise.all(names.map((name) => readings.readOnce(name)));
      // A container that ended meanwhile is missing from a list of all, but not from one that named it.
      if (!isEverything && readings.problems.length > 0) {
        await terminal.stderr.write(`${readings.problems.join("\n")}\n`);
        return 1;
      }
      await terminal.stdout.write(renderList(readings.lines, list, format));
      return 0;
    }
    if (!isEverything) await Promise.all(names.map((name) => api.inspectContainer(name)));
    for (const name of names) readings.follow(name);
    await terminal.stdout.write(`${HOME}${CLEAR_BELOW}`);
    for (;;) {
      if (!isEverything && readings.lines.length === 0) {
        if (readings.problems.length > 0) await terminal.stderr.write(`${readings.problems.join("\n")}\n`);
        return readings.problems.length > 0 ? 1 : 0;
      }
      const screen = renderList(readings.lines, list, format).replaceAll("\n", `${CLEAR_LINE_END}\n`);
      await terminal.stdout.write(`${HOME}${screen}${CLEAR_BELOW}`);
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
    }
  },
});
