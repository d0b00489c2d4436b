/**
 * Gives the memory of bytes back at once, if they are all of their buffer: they are empty then. For what passes through in quantity:
 * a collection of garbage comes by what is in the heap, where a megabyte of a request's body is one small object.
 */
export function releaseBytes(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) buffer.transfer(0);
}
