import type { ImageHistoryItem, ImageSummary } from "../../api/image.ts";
import { familiarRepository, parseReference } from "../../oci/reference.ts";
import type { Terminal } from "../terminal.ts";
import { ellipsis, humanDuration, humanSize, shortId } from "./human.ts";
import { formatLocalTime, formatRfc3339 } from "./local-time.ts";
import type { ListFormat } from "./render-list.ts";

const CREATED_BY_COLUMNS = 45;
/** 1 January 2000: what claims to be older has no honest date. */
const EPOCH_SECONDS = 946_684_800;

/** One line of `images`: an image under one of its names. */
export interface ImageLine {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const NONE = "<none>";

interface Name {
  readonly repository: string;
  readonly suffix: string;
}

function parseNames(texts: readonly string[], part: "tag" | "digest"): readonly Name[] {
  return texts.flatMap((text) => {
    try {
      const reference = parseReference(text);
      const suffix = reference[part];
      return suffix === undefined ? [] : [{ repository: familiarRepository(reference), suffix }];
    } catch {
      return []; // `<none>:<none>`
    }
  });
}

/** The lines of an image: one for each tag; of repositories without a tag, one for each digest. */
export function imageLines(image: ImageSummary, hasDigests: boolean): readonly ImageLine[] {
  const tags = parseNames(image.RepoTags ?? [], "tag");
  const digests = parseNames(image.RepoDigests ?? [], "digest");
  const digestsOf = (repository: string) => digests.filter((name) => name.repository === repository);
  const lines: ImageLine[] = [];
  for (const { repository, suffix: tag } of tags) {
    const own = hasDigests ? digestsOf(repository) : [];
    if (own.length === 0) lines.push({ image, repository, tag, digest: NONE });
    else lines.push(...own.map(({ suffix: digest }) => ({ image, repository, tag, digest })));
  }
  const untagged = digests.filter(({ repository }) => !tags.some((tag) => tag.repository === repository));
  const shown = hasDigests
    ? untagged
    : untagged.filter(
        (name, index) => untagged.findIndex(({ repository }) => repository === name.repository) === index,
      );
  lines.push(
    ...shown.map(({ repository, suffix }) => ({ image, repository, tag: NONE, digest: hasDigests ? suffix : "" })),
  );
  return lines.length > 0 ? lines : [{ image, repository: NONE, tag: NONE, digest: NONE }];
}

export interface ImageListOptions {
  readonly isTruncated: boolean;
  readonly hasDigests: boolean;
  readonly terminal: Pick<Terminal, "now" | "timeZone">;
}

/** The lines of `images`. */
export function imageList({ isTruncated, hasDigests, terminal }: ImageListOptions): ListFormat<ImageLine> {
  const digest = hasDigests ? "{{.Digest}}\t" : "";
  return {
    table: `{{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    titles: {
      ID: "IMAGE ID",
      Repository: "REPOSITORY",
      Tag: "TAG",
      Digest: "DIGEST",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      Size: "SIZE",
      Containers: "CONTAINERS",
      SharedSize: "SHARED SIZE",
      UniqueSize: "UNIQUE SIZE",
    },
    fields: ({ image, repository, tag, digest: shownDigest }) => ({
      ID: isTruncated ? shortId(image.Id) : image.Id,
      Repository: repository,
      Tag: tag,
      Digest: shownDigest,
      CreatedSince: image.Created <= 0 ? "N/A" : `${humanDuration(terminal.now() / 1000 - image.Created)} ago`,
      CreatedAt: formatLocalTime(image.Created, terminal.timeZone),
      Size: humanSize(image.Size),
      Containers: image.Containers === -1 ? "N/A" : String(image.Containers),
      SharedSize: image.SharedSize === -1 ? "N/A" : humanSize(image.SharedSize, 4),
      UniqueSize: image.SharedSize === -1 ? "N/A" : humanSize(image.Size - image.SharedSize, 4),
    }),
  };
}

export interface HistoryListOptions {
  readonly isTruncated: boolean;
  readonly isHuman: boolean;
  readonly terminal: Pick<Terminal, "now" | "timeZone">;
}

/** The lines of `history`. */
export function historyList({ isTruncated, isHuman, terminal }: HistoryListOptions): ListFormat<ImageHistoryItem> {
  const created = isHuman ? "{{.CreatedSince}}" : "{{.CreatedAt}}";
  return {
    table: `{{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
    titles: {
      ID: "IMAGE",
      CreatedSince: "CREATED",
      CreatedAt: "CREATED AT",
      CreatedBy: "CREATED BY",
      Size: "SIZE",
      Comment: "COMMENT",
    },
    fields(item) {
      const createdAt = formatRfc3339(item.Created, terminal.timeZone);
      const createdBy = item.CreatedBy.replaceAll("\t", " ");
      const age = item.Created <= EPOCH_SECONDS ? "N/A" : `${humanDuration(terminal.now() / 1000 - item.Created)} ago`;
      return {
        ID: isTruncated ? shortId(item.Id) : item.Id,
        CreatedAt: createdAt,
        CreatedSince: isHuman ? age : createdAt,
        CreatedBy: isTruncated ? ellipsis(createdBy, CREATED_BY_COLUMNS) : createdBy,
        Size: isHuman ? humanSize(item.Size) : String(item.Size),
        Comment: item.Comment,
      };
    },
  };
}
