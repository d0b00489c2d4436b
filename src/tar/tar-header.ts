/** What an entry is. */
export type TarEntryType = "file" | "hardlink" | "symlink" | "character-device" | "block-device" | "directory" | "fifo";

/** A point in time as file systems keep it: negative before 1970, the nanoseconds always forward. */
export interface TarTime {
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** A piece of a sparse file that has data. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

/** One entry of an archive, whichever dialect it was written in. Names are as in the archive; see `decodeByteText`. */
export interface TarHeader {
  readonly type: TarEntryType;
  readonly path: string;
  /** Target of a link, else empty. */
  readonly linkPath: string;
  /** Permission bits, set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Of the file once unpacked; 0 for what has no content. */
  readonly sizeBytes: number;
  readonly mtime: TarTime;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** For a sparse file: where its data is, in order; all else is zero. */
  readonly sparse?: readonly SparseSegment[];
}

/** What a reader meets, in the order of the archive. */
export type TarEvent =
  | { readonly kind: "entry"; readonly header: TarHeader }
  /** Bytes of the last entry; in a sparse file they stand at `offset`. A view, valid until the next event. */
  | { readonly kind: "data"; readonly bytes: Uint8Array; readonly offset: number }
  /** The last entry is complete. */
  | { readonly kind: "entry-end" };
