import type { ExecApi } from "../api/engine-api.ts";
import type { ExecInspect } from "../api/exec.ts";
import { type Caller, segment } from "./caller.ts";

export function execCalls(caller: Caller): ExecApi {
  return {
    createExec(containerName, request, { signal } = {}) {
      const call = { json: request, signal };
      return caller.json<{ readonly Id: string }>("POST", `/containers/${segment(containerName)}/exec`, call);
    },
    startExec(id, request = {}, { signal } = {}) {
      return caller.hijack(`/exec/${segment(id)}/start`, { json: { ...request, Detach: false }, signal });
    },
    async startExecDetached(id, { signal } = {}) {
      await caller.status("POST", `/exec/${segment(id)}/start`, { json: { Detach: true }, signal });
    },
    async resizeExec(id, { height, width }, { signal } = {}) {
      await caller.status("POST", `/exec/${segment(id)}/resize`, { query: { h: height, w: width }, signal });
    },
    inspectExec: (id, options = {}) => caller.json<ExecInspect>("GET", `/exec/${segment(id)}/json`, options),
  };
}
