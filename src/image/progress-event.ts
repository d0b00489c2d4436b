/** What is going on, in Docker's words, as `docker pull` shows it and the API streams it. */
export interface ProgressEvent {
  /** What it is about: the first 12 digits of a layer's digest, or a tag. */
  readonly id?: string;
  /** `Pulling fs layer`, `Downloading`, `Pull complete` … */
  readonly status: string;
  readonly progress?: { readonly currentBytes: number; readonly totalBytes?: number };
}
