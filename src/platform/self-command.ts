/** The command that starts this same program again: the packaged file, or Bun with the checkout's entry. */
export function selfCommand(): readonly [string, ...string[]] {
  if (Bun.embeddedFiles.length > 0) return [process.execPath];
  return [process.execPath, `${import.meta.dir}/../cli/main.ts`];
}
