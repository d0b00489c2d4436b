/**
 * Chunks as a stream: nothing is made before it is wanted, and whoever cancels the stream ends the making.
 *
 * @param reasonOf what the stream says of a failure. @default the failure
 */
export function streamOf(
  chunks: AsyncGenerator<Uint8Array, unknown, undefined>,
  reasonOf: (failure: unknown) => unknown = (failure) => failure,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          if (done === true) controller.close();
          else controller.enqueue(value as Uint8Array);
        } catch (failure) {
          controller.error(reasonOf(failure));
        }
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
