import { GantryError } from "../../errors/gantry-error.ts";
import type { S3Bucket } from "../../s3/s3-bucket.ts";
import type { S3Patience } from "../../s3/s3-connection.ts";

export interface BucketOwnerParts {
  readonly bucket: S3Bucket;
  /** What keys begin with; "" or ending in a slash. */
  readonly prefix: string;
  /** The name of the root whose blobs are there. */
  readonly id: string;
}

/** The object that says whose bucket this is: `PREFIXgantry-root` holds the root's name. */
export class BucketOwner {
  readonly #bucket: S3Bucket;
  readonly #key: string;
  readonly #id: string;

  constructor({ bucket, prefix, id }: BucketOwnerParts) {
    this.#bucket = bucket;
    this.#key = `${prefix}gantry-root`;
    this.#id = id;
  }

  /**
   * Takes the bucket for the root, unless it is the root's already.
   *
   * @param hasBlobs the root has some, which have to be there.
   * @throws `conflict`, `unavailable`
   */
  async take(hasBlobs: boolean): Promise<void> {
    const { name } = this.#bucket;
    let owner = await this.#bucket.readSmall(this.#key);
    if (owner === undefined && hasBlobs) {
      throw new GantryError(
        "conflict",
        `the blobs of this root are not in the bucket ${name}: it has no ${this.#key}`,
        {
          hint: "set bucket, prefix and endpoint in [storage.s3] to those that it was begun with",
        },
      );
    }
    if (owner === undefined) {
      await this.#bucket.createSmall(this.#key, this.#id);
      owner = await this.#bucket.readSmall(this.#key);
    }
    if (owner === this.#id) return;
    throw new GantryError("conflict", `the bucket ${name} is another registry's, as ${this.#key} in it says`, {
      hint: "give this one a prefix of its own in [storage.s3]",
    });
  }

  /**
   * Looks whether the bucket is still the one that was taken. In one that is empty, or another's, for a disk was not mounted or a name leads
   * elsewhere, everything seems lost.
   *
   * @throws `unavailable`
   */
  async require(patience: S3Patience = {}): Promise<void> {
    const owner = await this.#bucket.readSmall(this.#key, patience);
    if (owner === this.#id) return;
    const what = owner === undefined ? `it has no ${this.#key} any more` : `${this.#key} in it names another registry`;
    throw new GantryError("unavailable", `the bucket ${this.#bucket.name} is not the one that was opened: ${what}`);
  }
}
