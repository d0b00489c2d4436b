import type { ImageExecutionConfig } from "../oci/image.ts";

/** One line of `GET /images/json`. */
export interface ImageSummary {
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Size: number;
  /** -1: not computed. */
  readonly SharedSize: number;
  readonly Labels: Readonly<Record<string, string>> | null;
  /** -1: not computed. */
  readonly Containers: number;
}

/** `GET /images/{name}/json`. */
export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  readonly Created?: string;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Config: ImageExecutionConfig | null;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  readonly Size: number;
  readonly GraphDriver: { readonly Data: Readonly<Record<string, string>> | null; readonly Name: string };
  readonly RootFS: { readonly Type: string; readonly Layers?: readonly string[] };
  readonly Metadata: { readonly LastTagTime: string };
  readonly Descriptor?: { readonly mediaType: string; readonly digest: string; readonly size: number };
}

/** One line of `GET /images/{name}/history`. */
export interface ImageHistoryItem {
  /** The image's id, or `<missing>`. */
  readonly Id: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

/** One line of what `DELETE /images/{name}` did. */
export interface ImageDeleteItem {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

/** One line of a stream of progress (pull, load). */
export interface ProgressMessage {
  readonly id?: string;
  readonly status?: string;
  /** A whole line of text (load). */
  readonly stream?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  /** The bar that old clients print. */
  readonly progress?: string;
  readonly errorDetail?: { readonly code?: number; readonly message: string };
  readonly error?: string;
  readonly aux?: unknown;
}

/** One of what `GET /images/search` found. */
export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated: boolean;
}

/** What `POST /auth` answers to a `RegistryAuth` that is taken. */
export interface LoginResponse {
  readonly Status: string;
  /** To be kept in the password's place, unless it is empty. */
  readonly IdentityToken: string;
}

/** `X-Registry-Auth`, base64url of this JSON. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serveraddress?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** `POST /gantry/images/from-host`, our own call: packs programs of the host with what they load into an image. */
export interface FromHostRequest {
  /** Absolute paths on the daemon's host. */
  readonly Paths: readonly string[];
  /** The image's name; left out: none, it is found by its id. */
  readonly Name?: string;
}

export interface FromHostResponse {
  readonly Id: string;
  readonly Names: readonly string[];
}

/** `GET /distribution/{name}/json`. */
export interface DistributionInspect {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly Platforms: readonly { readonly architecture: string; readonly os: string; readonly variant?: string }[];
}
