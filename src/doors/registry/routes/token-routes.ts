import { RegistryError } from "../../../distribution/repositories/registry-error.ts";
import { type Access, type AskedBy, WrongCredentials } from "../../../identity/index.ts";
import { tooMany } from "../admission.ts";
import { jsonResponse } from "../json-response.ts";

/** Where the token service is. */
export const TOKEN_PATH = "/token";

/** The longest form: a list of scopes, a name and a password. */
const FORM_BYTES_MAX = 64 * 1024;

/** GET and POST of the token service (distribution's docs/content/spec/auth/token.md and oauth.md). */
export async function answerToken(request: Request, asked: AskedBy, access: Access): Promise<Response> {
  const { method } = request;
  if (method !== "GET" && method !== "POST") {
    throw new RegistryError("UNSUPPORTED", `the token service has no ${method}`, { headers: { allow: "GET, POST" } });
  }
  const parameters = method === "GET" ? new URL(request.url).searchParams : await readForm(request);
  try {
    const answer = await access.token({ method, parameters, asked });
    return jsonResponse(answer, { headers: { "cache-control": "no-store" } });
  } catch (error) {
    if (!(error instanceof WrongCredentials)) throw tooMany(error);
    throw new RegistryError("UNAUTHORIZED", error.message, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      headers: { "www-authenticate": 'Basic realm="gantry registry", charset="UTF-8"' },
    });
  }
}

async function readForm(request: Request): Promise<URLSearchParams> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of request.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > FORM_BYTES_MAX) {
      throw new RegistryError("UNSUPPORTED", `the form is longer than ${FORM_BYTES_MAX} bytes`, { status: 413 });
    }
  }
  return new URLSearchParams(text);
}
