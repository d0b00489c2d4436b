import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../../errors/disk-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import { writeWholeSync } from "../../platform/write-whole.ts";
import type { TarHeader } from "../../tar/tar-header.ts";
import { TarReader } from "../../tar/tar-reader.ts";
import { decompress } from "../decompress.ts";
import type { ArchiveMember, SplitResult, SplitTask } from "./worker-protocol.ts";

/** An archive of images has a few files for each layer. */
const MEMBERS_MAX = 100_000;

interface OpenMember {
  readonly name: string;
  readonly path: string;
  readonly fd: number;
  readonly hash: Hash;
  sizeBytes: number;
}

/** `./blobs/x` and `blobs/x` are the same member. Names are keys only: no path on disk is made of them. */
function memberName(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

function linkTarget(header: TarHeader): string {
  if (header.type === "hardlink") return memberName(header.linkPath);
  const parts = memberName(header.path).split("/").slice(0, -1);
  for (const part of header.linkPath.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Takes an archive of images apart, compressed or not: each file to a numbered one, hashed and synced. Links are only told of. */
export async function splitArchive(task: SplitTask, source: AsyncIterable<Uint8Array>): Promise<SplitResult> {
  const reader = new TarReader();
  const members: ArchiveMember[] = [];
  let open: OpenMember | undefined;
  try {
    for await (const chunk of decompress(source, task.limits)) {
      for (const event of reader.push(chunk)) {
        if (event.kind === "entry") {
          if (members.length >= MEMBERS_MAX) throw new GantryError("exhausted", "the archive has too many files");
          open = begin(event.header, task.directory, members);
        } else if (event.kind === "data" && open !== undefined) {
          open.hash.update(event.bytes);
          open.sizeBytes += event.bytes.length;
          writeWholeSync(open.fd, event.bytes);
        } else if (event.kind === "entry-end" && open !== undefined) {
          fsyncSync(open.fd);
          closeSync(open.fd);
          const { name, path, sizeBytes } = open;
          members.push({ name, path, sizeBytes, digest: finishDigest(open.hash) });
          open = undefined;
        }
      }
    }
    reader.finish();
    return { members };
  } catch (cause) {
    throw diskError("cannot unpack the archive", cause);
  } finally {
    if (open !== undefined) closeSync(open.fd);
  }
}

function begin(header: TarHeader, directory: string, members: ArchiveMember[]): OpenMember | undefined {
  const name = memberName(header.path);
  if (header.type === "hardlink" || header.type === "symlink") {
    members.push({ name, linkTarget: linkTarget(header), sizeBytes: 0 });
    return undefined;
  }
  if (header.type !== "file") return undefined;
  if (header.sparse !== undefined) throw new GantryError("unsupported", "the archive has sparse files");
  const path = join(directory, String(members.length));
  return { name, path, fd: openSync(path, "wx", 0o600), hash: createHash("sha256"), sizeBytes: 0 };
}
