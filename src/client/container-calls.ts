import type { ContainerInspect, ContainerSummary, TopResponse, WaitResponse } from "../api/container.ts";
import type { CreateContainerResponse, UpdateContainerResponse } from "../api/container-config.ts";
import type { ContainerApi } from "../api/engine-api.ts";
import { encodeFilters } from "../api/filters.ts";
import type { StatsResponse } from "../api/stats.ts";
import { type Caller, outputOf, segment } from "./caller.ts";
import { readBufferedBody } from "./http-request.ts";
import { readJsonLines } from "./json-lines.ts";

export function containerCalls(caller: Caller): ContainerApi {
  const path = (name: string, call: string): string => `/containers/${segment(name)}${call}`;
  const act = async (name: string, call: string, options: Parameters<Caller["status"]>[2]): Promise<number> =>
    caller.status("POST", path(name, call), options);
  return {
    listContainers({ signal, all, limit, size, filters } = {}) {
      const query = { all, limit, size, filters: encodeFilters(filters) };
      return caller.json<readonly ContainerSummary[]>("GET", "/containers/json", { query, signal });
    },
    createContainer(request, { signal, name, platform } = {}) {
      const call = { query: { name, platform }, json: request, signal };
      return caller.json<CreateContainerResponse>("POST", "/containers/create", call);
    },
    inspectContainer(name, { signal, size } = {}) {
      return caller.json<ContainerInspect>("GET", path(name, "/json"), { query: { size }, signal });
    },
    async startContainer(name, { signal, detachKeys, after } = {}) {
      if (after !== undefined && !caller.isOurs) await after.answered;
      const headers = after === undefined ? {} : gatheringHeader(`${after.gathering} ${after.count}`);
      return (await act(name, "/start", { query: { detachKeys }, headers, signal })) !== 304;
    },
    async stopContainer(name, { signal, signalName, timeoutSeconds } = {}) {
      return (await act(name, "/stop", { query: { signal: signalName, t: timeoutSeconds }, signal })) !== 304;
    },
    async restartContainer(name, { signal, signalName, timeoutSeconds } = {}) {
      await act(name, "/restart", { query: { signal: signalName, t: timeoutSeconds }, signal });
    },
    async killContainer(name, { signal, signalName } = {}) {
      await act(name, "/kill", { query: { signal: signalName }, signal });
    },
    async pauseContainer(name, options = {}) {
      await act(name, "/pause", options);
    },
    async unpauseContainer(name, options = {}) {
      await act(name, "/unpause", options);
    },
    async renameContainer(name, newName, { signal } = {}) {
      await act(name, "/rename", { query: { name: newName }, signal });
    },
    updateContainer(name, request, { signal } = {}) {
      return caller.json<UpdateContainerResponse>("POST", path(name, "/update"), { json: request, signal });
    },
    async removeContainer(name, { signal, force, volumes } = {}) {
      await caller.status("DELETE", path(name, ""), { query: { force, v: volumes }, signal });
    },
    async waitContainer(name, { signal, condition, gathering } = {}) {
      const headers = gatheringHeader(gathering);
      const response = await caller.send("POST", path(name, "/wait"), { query: { condition }, headers, signal });
      const result = readBufferedBody(response).then(
        (body) => JSON.parse(Buffer.from(body).toString("utf8")) as WaitResponse,
      );
      // Whoever drops the result must not die of its failure.
      result.catch(() => {});
      return { result };
    },
    attachContainer(name, { signal, stdin, stdout, stderr, stream, logs, detachKeys, onPosition, gathering }) {
      const query = { stdin, stdout, stderr, stream, logs, detachKeys, positions: onPosition !== undefined };
      return caller.hijack(path(name, "/attach"), { query, headers: gatheringHeader(gathering), signal }, onPosition);
    },
    async resizeContainer(name, { height, width }, { signal } = {}) {
      await act(name, "/resize", { query: { h: height, w: width }, signal });
    },
    async containerLogs(name, { signal, stdout, stderr, follow, since, until, timestamps, tail, from, onPosition }) {
      const positions = onPosition !== undefined;
      const query = { stdout, stderr, follow, since, until, timestamps, tail, from, positions };
      return outputOf(await caller.send("GET", path(name, "/logs"), { query, signal }), onPosition);
    },
    topContainer(name, { signal, psArguments } = {}) {
      return caller.json<TopResponse>("GET", path(name, "/top"), { query: { ps_args: psArguments }, signal });
    },
    async containerStats(name, { signal, stream = true, oneShot } = {}) {
      const query = { stream: stream ? "1" : "0", "one-shot": oneShot };
      const response = await caller.send("GET", path(name, "/stats"), { query, signal });
      return readJsonLines(response.body) as AsyncIterable<StatsResponse>;
    },
  };
}

function gatheringHeader(value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { "Gantry-Gathering": value };
}
