import type { Descriptor, ImageExecutionConfig } from "../oci/image.ts";
import { chainIdsOf } from "./chain-id.ts";
import type { Image } from "./image.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** What `image inspect` shows, in the words of Docker's API. */
export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  readonly Created: string;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Config: ImageExecutionConfig;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  readonly Size: number;
  readonly VirtualSize: number;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
  readonly RootFS: { readonly Type: "layers"; readonly Layers: readonly string[] };
  readonly Metadata: { readonly LastTagTime: string };
  readonly Descriptor?: Descriptor;
}

/** One row of `history`, newest first. */
export interface ImageHistoryRow {
  readonly Id: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

/** @param lastTagMs when a name was last given to it, milliseconds since 1970. */
export function inspectImage(image: Image, snapshots: SnapshotStore, lastTagMs: number): ImageInspect {
  const { config, chainId } = image;
  const [upper, ...lower] = chainId !== undefined && snapshots.has(chainId) ? snapshots.lower(chainId) : [];
  const data =
    upper === undefined ? null : { UpperDir: upper, ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }) };
  return {
    Id: image.id,
    RepoTags: image.names,
    RepoDigests: image.repoDigests,
    Parent: "",
    Comment: config.history?.at(-1)?.comment ?? "",
    Created: image.createdAt,
    DockerVersion: "",
    Author: config.author ?? "",
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config["os.version"] === undefined ? {} : { OsVersion: config["os.version"] }),
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: { Name: "overlay2", Data: data },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: new Date(lastTagMs).toISOString() },
    ...(image.targets[0] === undefined ? {} : { Descriptor: image.targets[0] }),
  };
}

/** The steps that made an image, newest first; what an empty one wrote is nothing. */
export function historyOf(image: Image, snapshots: SnapshotStore): readonly ImageHistoryRow[] {
  const chain = chainIdsOf(image.config.rootfs.diff_ids);
  let layer = 0;
  const rows = (image.config.history ?? []).map((step) => {
    const index = step.empty_layer === true ? undefined : layer++;
    const chainId = index === undefined ? undefined : chain[index];
    const packed = index === undefined ? 0 : (image.manifest.layers[index]?.size ?? 0);
    const createdMs = Date.parse(step.created ?? "");
    return {
      Id: "<missing>",
      Created: Number.isNaN(createdMs) ? 0 : Math.floor(createdMs / 1000),
      CreatedBy: step.created_by ?? "",
      Tags: null as readonly string[] | null,
      Size: chainId === undefined ? 0 : (snapshots.stat(chainId)?.sizeBytes ?? packed),
      Comment: step.comment ?? "",
    };
  });
  const last = rows.at(-1);
  if (last !== undefined) rows[rows.length - 1] = { ...last, Id: image.id, Tags: image.names };
  return rows.reverse();
}
