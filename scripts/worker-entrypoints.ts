/** Files that run in a Worker: the packager has to be told of them. */
export const WORKER_ENTRYPOINTS: readonly string[] = [
  "src/content/scrub/scrub-worker.ts",
  "src/distribution/repositories/uploads/upload-thread/upload-worker.ts",
  "src/image/unpack/unpack-worker.ts",
];
