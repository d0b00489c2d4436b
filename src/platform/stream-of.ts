/** Chunks as a stream: nothing is made before it is wanted, and whoever cancels the stream ends the making. */
export function streamOf(chunks: AsyncGenerator<Uint8Array, unknown, undefined>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value as Uint8Array);
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
