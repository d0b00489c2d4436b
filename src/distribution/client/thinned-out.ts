/** So many reports at most, however large it is. */
const REPORTS_MAX = 100;
const REPORT_BYTES_MIN = 64 * 1024;

/** Hands on how far something is, in so few steps that no slow reader is flooded; the end is always told. */
export function thinnedOut(totalBytes: number, report: (currentBytes: number) => void): (currentBytes: number) => void {
  const step = Math.max(REPORT_BYTES_MIN, totalBytes / REPORTS_MAX);
  let last: number | undefined;
  return (currentBytes) => {
    const isDue = last === undefined || currentBytes - last >= step || currentBytes >= totalBytes;
    // Fewer bytes than before: an upload that began anew.
    if (last === currentBytes || (!isDue && currentBytes > (last ?? 0))) return;
    last = currentBytes;
    report(currentBytes);
  };
}
