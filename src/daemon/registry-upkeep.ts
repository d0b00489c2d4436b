import type { RegistryUpkeepNotice, RegistryUpkeepRequest } from "../api/registry.ts";
import type { Upkeep } from "../distribution/upkeep/upkeep.ts";
import type { UpkeepConfig } from "../distribution/upkeep/upkeep-config.ts";
import { formatError, GantryError, isGantryError } from "../errors/gantry-error.ts";

export interface UpkeepCallOptions {
  readonly tell: (notice: RegistryUpkeepNotice) => void;
  readonly signal: AbortSignal;
  /** @throws `invalid-argument` */
  readonly readConfig: (path: string | undefined) => UpkeepConfig;
}

/** Does what a request asks for, and tells what it came to; a failure, too. */
export async function performUpkeep(
  upkeep: Upkeep,
  request: RegistryUpkeepRequest,
  options: UpkeepCallOptions,
): Promise<void> {
  const { tell, signal } = options;
  try {
    tell(await perform(upkeep, request, options));
  } catch (error) {
    if (signal.aborted) return;
    const sentence = isGantryError(error) ? formatError(error) : `the registry failed: ${error}`;
    tell({ kind: "failed", sentence });
  }
}

async function perform(
  upkeep: Upkeep,
  request: RegistryUpkeepRequest,
  options: UpkeepCallOptions,
): Promise<RegistryUpkeepNotice> {
  const config = options.readConfig(request.Config);
  const isDryRun = request.DryRun ?? false;
  const { signal } = options;
  const tell = (line: string): void => options.tell({ kind: "line", line });
  switch (request.Task) {
    case "collect":
      return { kind: "collected", ...(await upkeep.collect({ isDryRun, tell, config, signal })) };
    case "retention":
      if (config.retention.length === 0) {
        throw new GantryError("invalid-argument", "there is no rule of retention", {
          hint: "write [[retention]] in registry.toml, and name the file with --config",
        });
      }
      return { kind: "retained", ...(await upkeep.retain({ isDryRun, tell, config, signal })) };
    case "scrub": {
      const bytesPerSecond = request.BytesPerSecond ?? config.scrub.bytesPerSecond;
      const onProblem = (sentence: string): void => options.tell({ kind: "warning", sentence });
      return { kind: "verified", ...(await upkeep.scrub({ bytesPerSecond, tell, onProblem, signal })) };
    }
  }
}
