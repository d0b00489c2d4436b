import { isGantryError } from "../../errors/gantry-error.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { OpenBlobOptions } from "./registry-client.ts";
import type { RegistrySource } from "./registry-connections.ts";

/**
 * The bytes of a blob, from an offset on, from the first source that gives them; where one fails, the next goes on from that byte.
 *
 * @throws what the last source throws.
 */
export async function* openFromSources(
  sources: readonly RegistrySource[],
  descriptor: Descriptor,
  options: OpenBlobOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = options.offset ?? 0;
  for (const [index, { client, reference }] of sources.entries()) {
    try {
      for await (const chunk of await client.openBlob(reference.repository, descriptor, { ...options, offset })) {
        offset += chunk.byteLength;
        yield chunk;
      }
      return;
    } catch (error) {
      if (index === sources.length - 1 || isGantryError(error, "cancelled")) throw error;
    }
  }
}
