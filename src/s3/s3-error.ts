import { GantryError } from "../errors/gantry-error.ts";
import { textOf } from "./read-xml.ts";

/** Those after which the same request may succeed (S3 API reference, "Error responses"). */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  "SlowDown",
  "InternalError",
  "ServiceUnavailable",
  "RequestTimeout",
  "OperationAborted",
]);

const UNANSWERED_HINT = "is it running, and endpoint in [storage.s3] right?";

export interface S3Failure {
  /** What was asked for: `cannot store blobs/sha256/…`. */
  readonly doing: string;
  readonly bucket: string;
  /** 0 where no answer came. */
  readonly status: number;
  /** S3's own word: `SlowDown`. */
  readonly s3Code?: string | undefined;
  readonly message?: string | undefined;
  readonly cause?: unknown;
}

/** That a bucket could not be used; whoever serves from it cannot serve now. */
export class S3Error extends GantryError {
  readonly status: number;
  readonly s3Code: string | undefined;
  /** The same request may succeed a moment later. */
  readonly isTransient: boolean;

  constructor(failure: S3Failure) {
    const { doing, bucket, status, s3Code, message, cause } = failure;
    const what = status === 0 ? (message ?? "it does not answer") : sayAnswer(status, s3Code, message);
    const hint = status === 0 && message === undefined ? UNANSWERED_HINT : hintFor(status, s3Code);
    super("unavailable", `${doing} in the bucket ${bucket}: ${what}`, {
      ...(hint === undefined ? {} : { hint }),
      ...(cause === undefined ? {} : { cause }),
    });
    this.status = status;
    this.s3Code = s3Code;
    this.isTransient = status === 0 || TRANSIENT_STATUSES.has(status) || TRANSIENT_CODES.has(s3Code ?? "");
  }
}

function sayAnswer(status: number, s3Code: string | undefined, message: string | undefined): string {
  const said = message === undefined ? "" : ` (${message.trim().replace(/\.$/, "").slice(0, 300)})`;
  return `it answered ${status}${s3Code === undefined ? "" : ` ${s3Code}`}${said}`;
}

function hintFor(status: number, s3Code: string | undefined): string | undefined {
  switch (s3Code) {
    case "NoSuchBucket":
      return "make the bucket first, or set another one in [storage.s3]";
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "ExpiredToken":
    case "InvalidToken":
      return "check the access key that [storage.s3] or the environment names";
    case "InvalidObjectState":
      return "a rule of the bucket has archived it: restore it, and let no rule archive what the registry keeps";
    case "RequestTimeTooSkewed":
      return "set this machine's clock";
    case "AuthorizationHeaderMalformed":
    case "PermanentRedirect":
    case "IllegalLocationConstraintException":
      return "set region and endpoint in [storage.s3] to those of the bucket";
  }
  if (status === 403) return "the access key needs the rights to get, put, delete and list in this bucket";
  if (status >= 300 && status < 400) return "set region and endpoint in [storage.s3] to those of the bucket";
  return undefined;
}

/** Reads the answer of a request that failed: `<Error><Code>…</Code><Message>…</Message></Error>`, or whatever came in its place. */
export function parseS3Failure(
  asked: Pick<S3Failure, "doing" | "bucket">,
  answer: { readonly status: number; readonly text: string },
): S3Error {
  const { status, text } = answer;
  return new S3Error({ ...asked, status, s3Code: textOf(text, "Code"), message: textOf(text, "Message") });
}
