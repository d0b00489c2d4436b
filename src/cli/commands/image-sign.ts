import { readFileSync } from "node:fs";
import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { familiarReference } from "../../oci/reference.ts";
import { fileReason } from "../../platform/file-reason.ts";
import { defineCommand } from "../command.ts";
import { absentSwitch, listFlag, textFlag } from "../flags/flag.ts";
import { askPassword } from "../registry/ask-password.ts";
import type { Terminal } from "../terminal.ts";
import { resolveHostPath } from "../values/host-path.ts";
import { toRecord } from "../values/key-value.ts";
import { PROGRAM_VERSION } from "../version.ts";

export const command = defineCommand({
  usage: "[OPTIONS] --key FILE NAME[:TAG|@DIGEST]",
  flags: {
    annotation: listFlag(parseAnnotation, "Say this in the signature, too: NAME=VALUE", { short: "a" }),
    certificate: textFlag("The signer's certificate and those up to the root, in one PEM file (notation)"),
    format: textFlag("cosign, cosign-bundle or notation", { shownDefault: "cosign" }),
    key: textFlag("The private key: one of cosign's, or in PEM"),
    recursive: absentSwitch({ short: "r" }),
  },
  arguments: { min: 1, max: 1 },
  async run({ terminal }, { flags, positionals: [name = ""] }) {
    const { key: keyName, certificate } = flags;
    if (keyName === undefined) {
      throw new GantryError("invalid-argument", "signing needs a private key: --key FILE", {
        hint: "keyless signing, by Fulcio, is not there yet",
      });
    }
    const key = readKey(keyName, resolveHostPath(keyName, terminal));
    const { TrustTools } = await import("../../daemon/trust-tools.ts");
    const signed = await new TrustTools({ environment: terminal.environment }).sign(name, {
      format: flags.format ?? "cosign",
      key,
      keyName,
      password: () => passwordOf(terminal),
      ...(certificate === undefined ? {} : { certificatePath: resolveHostPath(certificate, terminal) }),
      annotations: toRecord(flags.annotation),
      agent: `gantry/${PROGRAM_VERSION}`,
    });
    const what = signed.status === "signed" ? "Signed" : "Already signed:";
    const { reference, target, manifest } = signed;
    await terminal.stdout.write(`${what} ${familiarReference(reference)}, ${target.digest}, in ${manifest}\n`);
    return 0;
  },
});

/** What is signed stands for good: a value that was forgotten is not taken for an empty one, as cosign has it. */
function parseAnnotation(text: string): string {
  if (text.indexOf("=") > 0) return text;
  throw new GantryError("invalid-argument", "write it as NAME=VALUE");
}

function readKey(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = fileReason(cause) ?? formatError(cause);
    throw new GantryError("invalid-argument", `cannot read the private key ${name}: ${why}`, {
      hint: "--key names a file: one of cosign's, or in PEM",
    });
  }
}

/** From the environment, by our name or cosign's (an empty one is one, too), else from whoever sits there. */
async function passwordOf(terminal: Terminal): Promise<string> {
  const { GANTRY_SIGNING_PASSWORD, COSIGN_PASSWORD } = terminal.environment;
  const given = GANTRY_SIGNING_PASSWORD ?? COSIGN_PASSWORD;
  return given ?? (await askPassword(terminal, { isKnown: true, hint: "set GANTRY_SIGNING_PASSWORD" }));
}
