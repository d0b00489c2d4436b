import type { HostConfig } from "../../api/host-config.ts";
import type { ResourceConfig } from "../../engine/container/container-config.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { HOST_CONFIG_FIELDS } from "./create-fields.ts";
import { checkFields } from "./field-rules.ts";
import { throwProblems } from "./parse-create-request.ts";
import { parseLimits } from "./parse-limits.ts";

/**
 * Reads the body of `POST /containers/{name}/update`: the limits of `HostConfig`, by themselves.
 *
 * @throws `invalid-argument` or `unsupported`, as `parseCreateRequest`.
 */
export function parseUpdateRequest(body: unknown): ResourceConfig {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new GantryError("invalid-argument", "the request's body is not a JSON object");
  }
  throwProblems(checkFields(body as Record<string, unknown>, HOST_CONFIG_FIELDS, ""));
  return parseLimits(body as HostConfig);
}
