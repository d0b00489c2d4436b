import type { Filters } from "../../api/filters.ts";
import type { FromHostRequest, ImageSummary, ProgressMessage } from "../../api/image.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { familiarReference, parseReference, withDefaultTag } from "../../oci/reference.ts";
import type { DoorImage, DoorImageFilters, DoorParts, DoorProgress } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { checkFields, type FieldTable, served } from "./field-rules.ts";
import { throwProblems } from "./parse-create-request.ts";
import { parsePlatformQuery } from "./parse-platform-query.ts";
import { parseRegistryAuth } from "./parse-registry-auth.ts";
import { ProgressStream } from "./progress-stream.ts";
import type { Route } from "./router.ts";

const IMAGE_FILTERS = ["before", "dangling", "label", "reference", "since"];

export function imageRoutes(parts: DoorParts): readonly Route[] {
  const { images } = parts;
  return [
    {
      method: "GET",
      path: "/images/json",
      handle(exchange) {
        const found = images.list(imageFilters(exchange.query.filters(IMAGE_FILTERS)));
        exchange.sendJson(200, found.map(summarizeImage));
      },
    },
    { method: "POST", path: "/images/create", handle: (exchange) => pull(exchange, parts) },
    { method: "POST", path: "/images/{name*}/push", handle: (exchange) => push(exchange, parts) },
    { method: "POST", path: "/images/load", handle: (exchange) => load(exchange, parts) },
    { method: "GET", path: "/images/get", handle: (exchange) => save(exchange, exchange.query.texts("names"), parts) },
    {
      method: "GET",
      path: "/images/{name*}/get",
      handle: (exchange) => save(exchange, [exchange.parameter("name")], parts),
    },
    {
      method: "GET",
      path: "/images/{name*}/json",
      handle: (exchange) => exchange.sendJson(200, images.inspect(exchange.parameter("name"))),
    },
    {
      method: "GET",
      path: "/images/{name*}/history",
      handle: (exchange) => exchange.sendJson(200, images.history(exchange.parameter("name"))),
    },
    {
      method: "POST",
      path: "/images/{name*}/tag",
      handle(exchange) {
        const repository = exchange.query.text("repo");
        const tag = exchange.query.text("tag");
        if (repository === undefined) throw new RequestError(400, "repo is needed: the new name");
        images.tag(exchange.parameter("name"), tag === undefined ? repository : `${repository}:${tag}`);
        exchange.sendStatus(201);
      },
    },
    {
      method: "DELETE",
      path: "/images/{name*}",
      async handle(exchange) {
        const { query } = exchange;
        const done = await images.remove(exchange.parameter("name"), {
          force: query.flag("force"),
          noPrune: query.flag("noprune"),
          inUse: (imageId) => usersOf(parts, imageId),
        });
        exchange.sendJson(
          200,
          done.map((step) => ("untagged" in step ? { Untagged: step.untagged } : { Deleted: step.deleted })),
        );
      },
    },
    { method: "POST", path: "/gantry/images/from-host", handle: (exchange) => packFromHost(exchange, parts) },
  ];
}

async function pull(exchange: Exchange, { images }: DoorParts): Promise<void> {
  const { query, signal } = exchange;
  if (query.has("fromSrc")) throw new RequestError(501, "importing an image (fromSrc) is not there yet");
  const from = query.text("fromImage");
  if (from === undefined) throw new RequestError(400, "fromImage is needed: the image's name");
  const tag = query.text("tag");
  const platform = parsePlatformQuery(query.text("platform"));
  const credentials = parseRegistryAuth(exchange.header("x-registry-auth"));
  const name = tag === undefined ? from : `${from}${tag.includes(":") ? "@" : ":"}${tag}`;
  const stream = new ProgressStream(exchange);
  await stream.run(async (report) => {
    const result = await images.pull(name, {
      signal,
      ...(platform === undefined ? {} : { platform }),
      ...(credentials === undefined ? {} : { auth: credentials }),
      onProgress: (event) => report(describeProgress(event)),
    });
    report({ status: `Digest: ${result.target.digest}` });
    const what = result.status === "downloaded" ? "Downloaded newer image for" : "Image is up to date for";
    report({ status: `Status: ${what} ${familiarReference(withDefaultTag(parseReference(name)))}` });
  });
}

async function push(exchange: Exchange, { images }: DoorParts): Promise<void> {
  const { query, signal } = exchange;
  const tag = query.text("tag");
  const platform = parsePlatformQuery(query.text("platform"));
  const auth = parseRegistryAuth(exchange.header("x-registry-auth"));
  const stream = new ProgressStream(exchange);
  await stream.run(async (report) => {
    await images.push(exchange.parameter("name"), {
      signal,
      ...(tag === undefined ? {} : { tag }),
      ...(platform === undefined ? {} : { platform }),
      ...(auth === undefined ? {} : { auth }),
      onProgress: (event) => report(describeProgress(event)),
      onPushed({ tag: pushed, digest, sizeBytes }) {
        report({ status: `${pushed}: digest: ${digest} size: ${sizeBytes}` });
        report({ progressDetail: {}, aux: { Tag: pushed, Digest: digest, Size: sizeBytes } });
      },
    });
  });
}

async function load(exchange: Exchange, { images }: DoorParts): Promise<void> {
  const { query, signal } = exchange;
  const platform = parsePlatformQuery(query.text("platform"));
  const isQuiet = query.flag("quiet");
  const stream = new ProgressStream(exchange);
  await stream.run(async (report) => {
    const loaded = await images.load(exchange.body, {
      signal,
      ...(platform === undefined ? {} : { platform }),
      onProgress: (event) => {
        if (!isQuiet) report(describeProgress(event));
      },
    });
    for (const name of loaded) {
      report({ stream: `Loaded image${/^sha256:/.test(name) ? " ID" : ""}: ${name}\n` });
    }
  });
}

async function save(exchange: Exchange, names: readonly string[], { images }: DoorParts): Promise<void> {
  if (names.length === 0) throw new RequestError(400, "names is needed: the images to save");
  const platform = parsePlatformQuery(exchange.query.text("platform"));
  const archive = images.save(names, platform === undefined ? {} : { platform })[Symbol.asyncIterator]();
  try {
    // The first bytes come before the head: an image that is not there is then answered as such.
    let next = await archive.next();
    const stream = exchange.openStream("application/x-tar");
    for (; next.done !== true; next = await archive.next()) await stream.write(next.value);
    stream.end();
  } finally {
    await archive.return?.();
  }
}

const FROM_HOST_FIELDS: FieldTable<FromHostRequest> = { Paths: served("texts"), Name: served("text") };

async function packFromHost(exchange: Exchange, { images }: DoorParts): Promise<void> {
  const body = await exchange.readJson();
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new RequestError(400, "the request's body is not a JSON object");
  }
  throwProblems(checkFields(body as Record<string, unknown>, FROM_HOST_FIELDS, ""));
  const { Paths: paths = [], Name: name } = body as Partial<FromHostRequest>;
  if (paths.length === 0) throw new GantryError("invalid-argument", "Paths is needed: the programs to pack");
  const image = await images.fromHost({ paths, signal: exchange.signal, ...(name ? { name } : {}) });
  exchange.sendJson(201, { Id: image.id, Names: image.names });
}

function describeProgress({ id, status, progress }: DoorProgress): ProgressMessage {
  return {
    status,
    progressDetail:
      progress === undefined
        ? {}
        : {
            current: progress.currentBytes,
            ...(progress.totalBytes === undefined ? {} : { total: progress.totalBytes }),
          },
    ...(id === undefined ? {} : { id }),
  };
}

/** @throws 400 for what is neither true nor false, or a filter that is not there. */
function imageFilters(filters: Filters): DoorImageFilters {
  const [dangling] = filters.dangling ?? [];
  if (dangling !== undefined && !["true", "1", "false", "0"].includes(dangling)) {
    throw new RequestError(400, `invalid filter 'dangling=${dangling}'`);
  }
  const [before] = filters.before ?? [];
  const [since] = filters.since ?? [];
  return {
    ...(filters.reference === undefined ? {} : { reference: filters.reference }),
    ...(filters.label === undefined ? {} : { label: filters.label }),
    ...(dangling === undefined ? {} : { dangling: dangling === "true" || dangling === "1" }),
    ...(before === undefined ? {} : { before }),
    ...(since === undefined ? {} : { since }),
  };
}

function usersOf(
  { engine }: DoorParts,
  imageId: string,
): readonly { readonly id: string; readonly isRunning: boolean }[] {
  return engine
    .list()
    .filter(({ image }) => image.id === imageId)
    .map(({ id, state }) => ({ id, isRunning: state.status === "running" || state.status === "paused" }));
}

function summarizeImage(image: DoorImage): ImageSummary {
  return {
    Id: image.id,
    ParentId: "",
    RepoTags: image.names,
    RepoDigests: image.repoDigests,
    Created: Math.trunc(image.createdMs / 1000),
    Size: image.sizeBytes,
    SharedSize: -1,
    Labels: Object.keys(image.labels).length === 0 ? null : image.labels,
    Containers: -1,
  };
}
