/** A process that serves from a bucket, or wants to. */
export interface BucketHolder {
  /** A name that no other start of a process has. */
  readonly id: string;
  /** One boot of one machine, and the root's folder there: who has the folder's lock is the only one in the place. */
  readonly place: string;
  /** For people: `process 123 on host`. */
  readonly name: string;
}

/** What the object says that marks a bucket. */
export interface BucketMark {
  /** The name of the root whose blobs are there. */
  readonly root: string;
  /** Who serves, or asks whether the one before still does; undefined where the last one said that it ended. */
  readonly holder?: BucketHolder;
  /** @default false */
  readonly isAsking?: boolean;
}

/** The root's name is a line of its own, for people; the rest is JSON. */
export function formatBucketMark({ root, holder, isAsking = false }: BucketMark): string {
  return holder === undefined ? root : `${root}\n${JSON.stringify({ ...holder, isAsking })}\n`;
}

export function parseBucketMark(text: string): BucketMark {
  const [root = "", line = ""] = text.split("\n", 2);
  try {
    const { id, place, name, isAsking } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return { root, holder: { id: String(id), place: String(place), name: String(name) }, isAsking: isAsking === true };
  } catch {
    return { root };
  }
}
