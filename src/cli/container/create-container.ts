import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { ApiError } from "../../api/api-error.ts";
import type { CreateContainerRequest } from "../../api/container-config.ts";
import type { EngineApi } from "../../api/engine-api.ts";
import { parseReference } from "../../oci/reference.ts";
import type { CommandContext } from "../command.ts";
import type { ParsedFlags } from "../flags/parse-flags.ts";
import { fileFailure } from "../values/file-failure.ts";
import { type PathStart, resolveHostPath } from "../values/host-path.ts";
import type { CREATION_FLAGS } from "./run-flags.ts";

const FROM_HOST = "from-host:";
const PULL_POLICIES: readonly string[] = ["always", "missing", "never"];

type CreationFlags = ParsedFlags<typeof CREATION_FLAGS>["flags"];

/** The file that the id goes to; made before the container, so that a failure leaves neither. */
class IdFile implements Disposable {
  readonly #path: string;
  readonly #descriptor: number;
  #isWritten = false;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#descriptor = openSync(path, "wx", 0o644);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") {
        throw new Error(`container ID file found, make sure the other container isn't running or delete ${path}`);
      }
      const failure = fileFailure(path, error);
      throw new Error(
        `failed to create the container ID file: ${failure instanceof Error ? failure.message : failure}`,
        {
          cause: error,
        },
      );
    }
  }

  write(id: string): void {
    writeSync(this.#descriptor, id);
    this.#isWritten = true;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
    if (!this.#isWritten) unlinkSync(this.#path);
  }
}

/** @throws for a value of `--pull` that there is not. */
export function checkPullPolicy(policy: string | undefined): void {
  if (policy === undefined || PULL_POLICIES.includes(policy)) return;
  throw new Error(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
}

async function pull(api: EngineApi, image: string, context: CommandContext, flags: CreationFlags): Promise<void> {
  const { showProgress } = await import("../streams/show-progress.ts");
  const { splitImageName } = await import("../values/image-name.ts");
  const { findAuth } = await import("../registry/find-auth.ts");
  const progress = await api.pullImage({
    ...splitImageName(image),
    ...(await findAuth(context.terminal, parseReference(image))),
    ...(flags.platform === undefined ? {} : { platform: flags.platform }),
  });
  await showProgress(progress, flags.quiet ? undefined : context.terminal.stderr, context.terminal);
}

/** Programs of the host, `from-host:/bin/bash,/bin/ls`, made into an image; other names are as they are. */
async function resolveFromHost(api: EngineApi, image: string, start: PathStart): Promise<string> {
  if (!image.startsWith(FROM_HOST)) return image;
  const paths = image.slice(FROM_HOST.length).split(",");
  if (paths.includes(""))
    throw new Error(`invalid image name ${JSON.stringify(image)}: name a program, as from-host:/bin/bash`);
  const { Id } = await api.imageFromHost({ Paths: paths.map((path) => resolveHostPath(path, start)) });
  return Id;
}

function isMissingImage(error: unknown, image: string): boolean {
  return (
    error instanceof ApiError && error.code === "not-found" && /no such image/i.test(error.message) && image !== ""
  );
}

/**
 * Creates a container as `run` and `create` do: pulls the image first where the policy says so or it is missing, and
 * writes the id to `--cidfile`. Warnings go to stderr.
 *
 * @returns the container's id.
 */
export async function createContainer(
  context: CommandContext,
  request: CreateContainerRequest,
  flags: CreationFlags,
): Promise<string> {
  const { terminal } = context;
  const path = request.HostConfig?.ContainerIDFile;
  using idFile = path === undefined || path === "" ? undefined : new IdFile(resolveHostPath(path, terminal));
  const api = await context.connect();
  const image = await resolveFromHost(api, request.Image ?? "", terminal);
  const isFromHost = image !== request.Image;
  const create = () =>
    api.createContainer(
      { ...request, Image: image },
      {
        ...(flags.name === undefined ? {} : { name: flags.name }),
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      },
    );
  if (flags.pull === "always" && !isFromHost) await pull(api, image, context, flags);
  const created = await create().catch(async (error: unknown) => {
    if (flags.pull === "never" || flags.pull === "always" || isFromHost || !isMissingImage(error, image)) throw error;
    if (!flags.quiet) {
      const { familiarName } = await import("../values/image-name.ts");
      await terminal.stderr.write(`Unable to find image '${familiarName(image)}' locally\n`);
    }
    await pull(api, image, context, flags);
    return create();
  });
  for (const warning of created.Warnings ?? []) await terminal.stderr.write(`WARNING: ${warning}\n`);
  idFile?.write(created.Id);
  return created.Id;
}
