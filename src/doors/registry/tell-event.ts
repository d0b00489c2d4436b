import type { EventOutbox } from "../../distribution/notifications/event-outbox.ts";
import type { EventTarget, RegistryAction } from "../../distribution/notifications/registry-event.ts";
import type { Identity } from "../../identity/index.ts";

/** Tells what a request did. Of a change it is called within its transaction. */
export type TellEvent = (action: RegistryAction, target: EventTarget) => void;

export interface TellEventParts {
  readonly outbox: EventOutbox;
  readonly request: Request;
  readonly identity: Identity;
  /** Where clients reach this registry. */
  readonly externalUrl: string;
  readonly now: () => number;
  readonly randomId: () => string;
}

/** Makes events of what one request does. */
export function eventTeller({ outbox, request, identity, externalUrl, now, randomId }: TellEventParts): TellEvent {
  let requestId: string | undefined;
  return (action, target) => {
    requestId ??= randomId();
    const { headers, method } = request;
    const kind = target.mediaType === BLOB_TYPE ? "blobs" : "manifests";
    const url = target.mediaType && `${externalUrl}/v2/${target.repository}/${kind}/${target.digest}`;
    const event = {
      id: randomId(),
      timeMs: now(),
      action,
      target: { ...target, ...(url === undefined ? {} : { url }) },
      request: {
        id: requestId,
        address: identity.address,
        host: headers.get("host") ?? "",
        method,
        userAgent: (headers.get("user-agent") ?? "").slice(0, 512),
      },
      ...(identity.name === undefined ? {} : { actor: identity.name }),
    };
    if (action === "pull") outbox.appendLater(event);
    else outbox.append(event);
  };
}

/** What is said of blobs, which have a type only where manifests refer to them. */
export const BLOB_TYPE = "application/octet-stream";
