import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/command.ts";
import { checkoutProgram, daemonSkipReason, TestDaemon } from "../support/daemon.ts";
import { registrySkipReason, startRegistry } from "../support/registry.ts";
import { pushSeed, seedBusybox } from "../support/seed-images.ts";

const skip = daemonSkipReason(["nft"]) ?? registrySkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

describe.skipIf(skip !== undefined)("a policy of whose images may come in", () => {
  test("an image that nobody signed does not run; signed, it does; what came before the policy still does", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-policy-"));
    const environment = { GANTRY_TRUST: join(folder, "trust.toml") };
    using registry = await startRegistry();
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(join(folder, "key.pub"), publicKey.export({ type: "spki", format: "pem" }));
    writeFileSync(join(folder, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    writeFileSync(environment.GANTRY_TRUST, "");
    await using daemon = await TestDaemon.start({ busybox: false, environment });
    const gantry = (...words: readonly string[]) => daemon.gantry(words, { environment });
    const [early, late] = ["early", "late"].map((name) => `${registry.host}/${name}:1`);
    for (const name of [early, late]) await pushSeed(await seedBusybox(), name ?? "");

    expect((await gantry("pull", "-q", early ?? "")).status).toBe(0);
    const rule = `[[rule]]\nimage = "${registry.host}"\nrequire = [{ key = "key.pub" }]\n`;
    writeFileSync(environment.GANTRY_TRUST, rule);

    const refused = await gantry("run", "--rm", late ?? "", "echo", "ran");
    expect(refused.status).toBe(125);
    expect(refused.stderr).toContain(
      `image ${late} is rejected by the trust policy: it has no signature (1 of 1 wanted)`,
    );
    expect((await gantry("image", "trust", "check", late ?? "")).status).toBe(1);
    expect((await gantry("run", "--rm", early ?? "", "echo", "ran")).stdout).toBe("ran\n");

    const signed = await gantry("image", "sign", "--key", join(folder, "key.pem"), "-a", "build=42", late ?? "");
    expect(signed.stdout).toStartWith(`Signed ${late}, sha256:`);
    expect((await gantry("run", "--rm", late ?? "", "echo", "ran")).stdout).toBe("ran\n");
    const report = await gantry(
      "image",
      "trust",
      late ?? "",
      "--format",
      "{{.Verdict}} {{(index .Signatures 0).Signer}}",
    );
    expect(report.stdout).toBe("accept key.pub\n");
    expect((await gantry("image", "trust", "check", late ?? "")).stdout).toBe(
      `accept: image ${late} is signed by 1 (1 of 1 wanted)\n`,
    );
    rmSync(folder, { recursive: true });
  }, 120_000);

  test("signing and looking use what the user has logged in with, and say so where that is nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "gantry-policy-"));
    using registry = await startRegistry({ users: { ann: "secret" } });
    const auths = { [registry.host]: { auth: Buffer.from("ann:secret").toString("base64") } };
    writeFileSync(join(folder, "config.json"), JSON.stringify({ auths }));
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(join(folder, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    const name = `${registry.host}/private:1`;
    const { layout } = await seedBusybox();
    const target = ["--dest-creds", "ann:secret", "--dest-tls-verify=false", `oci:${layout}:seed`, `docker://${name}`];
    await run(["skopeo", "copy", "--quiet", "--insecure-policy", ...target]);
    const gantry = (config: string, ...words: readonly string[]) =>
      run(["env", `DOCKER_CONFIG=${config}`, `HOME=${folder}`, ...checkoutProgram, "image", ...words]);

    await expect(gantry(join(folder, "none"), "sign", "--key", join(folder, "key.pem"), name)).rejects.toThrow(
      "access denied",
    );
    expect(await gantry(folder, "sign", "--key", join(folder, "key.pem"), name)).toStartWith("Signed ");
    expect(await gantry(folder, "trust", name)).toContain("the policy has no key to verify it with");
    rmSync(folder, { recursive: true });
  }, 60_000);
});
