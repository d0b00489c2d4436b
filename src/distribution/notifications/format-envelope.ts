import type { RegistryEvent } from "./registry-event.ts";

/** The media type of an envelope (distribution's docs/content/about/notifications.md, "Envelope"). */
export const ENVELOPE_TYPE = "application/vnd.docker.distribution.events.v2+json";

/** Which registry tells. */
export interface EventSource {
  readonly address: string;
  /** Another one after each start. */
  readonly instanceId: string;
}

/** Events as Docker's registry tells them, for what listens to that one. */
export function formatEnvelope(events: readonly RegistryEvent[], source: EventSource): string {
  return JSON.stringify({ events: events.map((event) => formatEvent(event, source)) });
}

function formatEvent({ id, timeMs, action, target, request, actor }: RegistryEvent, source: EventSource): object {
  const { mediaType, digest, sizeBytes, repository, fromRepository, url, tag } = target;
  return {
    id,
    timestamp: new Date(timeMs).toISOString(),
    action,
    // JSON leaves out what is undefined.
    target: { mediaType, digest, size: sizeBytes, length: sizeBytes, repository, fromRepository, url, tag },
    request: {
      id: request.id,
      addr: request.address,
      host: request.host,
      method: request.method,
      useragent: request.userAgent,
    },
    actor: actor === undefined ? {} : { name: actor },
    source: { addr: source.address, instanceID: source.instanceId },
  };
}
