import { ApiError, codeOfStatus } from "../api/api-error.ts";
import type { ImageApi } from "../api/engine-api.ts";
import { encodeFilters } from "../api/filters.ts";
import type {
  DistributionInspect,
  FromHostResponse,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  LoginResponse,
  ProgressMessage,
  RegistryAuth,
  SearchResult,
} from "../api/image.ts";
import { type Caller, segment } from "./caller.ts";
import { readJsonLines } from "./json-lines.ts";

export function imageCalls(caller: Caller): ImageApi {
  return {
    listImages({ signal, all, filters } = {}) {
      const query = { all, filters: encodeFilters(filters) };
      return caller.json<readonly ImageSummary[]>("GET", "/images/json", { query, signal });
    },
    async pullImage({ signal, fromImage, tag, platform, auth }) {
      const query = { fromImage, tag, platform };
      const response = await caller.send("POST", "/images/create", { query, headers: authHeader(auth), signal });
      return readProgress(response.body);
    },
    async pushImage(repository, { signal, tag, platform, auth } = {}) {
      // Docker wants the header, also from those who have no credentials.
      const call = { query: { tag, platform }, headers: authHeader(auth ?? {}), signal };
      return readProgress((await caller.send("POST", `/images/${segment(repository)}/push`, call)).body);
    },
    inspectImage: (name, options = {}) => caller.json<ImageInspect>("GET", `/images/${segment(name)}/json`, options),
    imageHistory: (name, options = {}) =>
      caller.json<readonly ImageHistoryItem[]>("GET", `/images/${segment(name)}/history`, options),
    async tagImage(name, { repo, tag }, { signal } = {}) {
      await caller.status("POST", `/images/${segment(name)}/tag`, { query: { repo, tag }, signal });
    },
    removeImage(name, { signal, force, noPrune } = {}) {
      const call = { query: { force, noprune: noPrune }, signal };
      return caller.json<readonly ImageDeleteItem[]>("DELETE", `/images/${segment(name)}`, call);
    },
    async saveImages(names, { signal, platform } = {}) {
      const query = new URLSearchParams();
      for (const name of names) query.append("names", name);
      if (platform !== undefined) query.set("platform", platform);
      return (await caller.send("GET", `/images/get?${query}`, { signal })).body;
    },
    async loadImages(archive, { signal, quiet, platform } = {}) {
      const query = { quiet: quiet === true ? "1" : "0", platform };
      return readProgress((await caller.send("POST", "/images/load", { query, body: archive, signal })).body);
    },
    imageFromHost(request, { signal } = {}) {
      return caller.json<FromHostResponse>("POST", "/gantry/images/from-host", { json: request, signal });
    },
    searchImages(term, { signal, limit, filters, auth } = {}) {
      const call = { query: { term, limit, filters: encodeFilters(filters) }, headers: authHeader(auth), signal };
      return caller.json<readonly SearchResult[]>("GET", "/images/search", call);
    },
    logIn: (auth, { signal } = {}) => caller.json<LoginResponse>("POST", "/auth", { json: auth, signal }),
    inspectDistribution(name, { signal, auth } = {}) {
      const call = { headers: authHeader(auth), signal };
      return caller.json<DistributionInspect>("GET", `/distribution/${segment(name)}/json`, call);
    },
  };
}

function authHeader(auth: RegistryAuth | undefined): Record<string, string> {
  if (auth === undefined) return {};
  return { "X-Registry-Auth": Buffer.from(JSON.stringify(auth)).toString("base64url") };
}

/** Progress comes with status 200 before it is known how it ends: an error is a message of its own. */
async function* readProgress(body: AsyncIterable<Uint8Array>): AsyncGenerator<ProgressMessage, void, undefined> {
  for await (const line of readJsonLines(body)) {
    const message = line as ProgressMessage;
    const error = message.errorDetail?.message ?? message.error;
    if (error !== undefined) {
      throw new ApiError(200, error, { code: codeOfStatus(message.errorDetail?.code ?? 500) });
    }
    yield message;
  }
}
