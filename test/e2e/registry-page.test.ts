import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { runRegistry } from "../../src/daemon/run-registry.ts";

const CHROMIUM = "/usr/bin/chromium";
const folder = mkdtempSync(join(tmpdir(), "gantry-page-"));
const ended = new AbortController();
let serving: Promise<unknown>;
let url = "";
let browser: Browser;

const sha256 = (bytes: Uint8Array | string): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
const basic = { authorization: `Basic ${btoa("alice:secret")}` };

async function pushBlob(repository: string, bytes: Uint8Array<ArrayBuffer> | string) {
  const digest = sha256(bytes);
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await fetch(`${url}${path}`, { method: "POST", body: bytes, headers: basic })).status).toBe(201);
  return { digest, size: bytes.length };
}

async function pushManifest(repository: string, tag: string, manifest: object & { readonly mediaType: string }) {
  const body = JSON.stringify(manifest);
  const headers = { ...basic, "content-type": manifest.mediaType };
  const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, { method: "PUT", body, headers });
  expect(answer.status).toBe(201);
  return { mediaType: manifest.mediaType, digest: sha256(body), size: body.length };
}

async function seed(): Promise<void> {
  const labels = { "org.opencontainers.image.title": "<img src=x onerror=document.title='owned'>" };
  const config = await pushBlob(
    "team/web",
    JSON.stringify({ os: "linux", architecture: "amd64", config: { Cmd: ["sh"], Labels: labels } }),
  );
  const layer = await pushBlob("team/web", new Uint8Array(2_500_000));
  const image = await pushManifest("team/web", "1.0", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...layer }],
  } as never);
  await pushManifest("team/web", "sbom", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    artifactType: "application/x.sbom",
    manifests: [],
    subject: image,
  } as never);
}

beforeAll(async () => {
  if (!existsSync(CHROMIUM)) return;
  // Of the password "secret".
  const hash = "$2b$04$6fOe5wDnaAkYvmKels6ePOSLrYletxJxGjhMAlkhmZWJM5G1FGKUG";
  writeFileSync(
    join(folder, "access.toml"),
    `[users.alice]\npassword = "${hash}"\n[[rights]]\nusers = ["alice"]\nrepositories = ["**"]\nactions = ["*"]\n`,
  );
  const listening = Promise.withResolvers<string>();
  serving = runRegistry({
    environment: {},
    root: join(folder, "root"),
    request: { Listen: "127.0.0.1:0", Access: join(folder, "access.toml") },
    signal: ended.signal,
    tell: (notice) => notice.kind === "listening" && listening.resolve(notice.address),
  });
  serving.catch(listening.reject);
  url = `http://${await listening.promise}`;
  await seed();
  browser = await puppeteer.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"], pipe: true });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  ended.abort();
  await serving;
  rmSync(folder, { recursive: true });
});

async function logIn(page: Page, password: string): Promise<void> {
  await page.locator("input[name=user]").fill("alice");
  await page.locator("input[name=password]").fill(password);
  await page.locator("button[type=submit]").click();
}

const text = (page: Page): Promise<string> =>
  page.$eval("main", (main) => (main as { innerText: string } & typeof main).innerText);

async function shows(page: Page, words: string): Promise<void> {
  await page.waitForFunction(`document.querySelector("main").innerText.includes(${JSON.stringify(words)})`, {
    timeout: 10_000,
  });
}

describe.skipIf(!existsSync(CHROMIUM))("the registry's page, in Chromium", () => {
  test("asks whoever may not enter for a password, and says that one is wrong", async () => {
    const page = await browser.newPage();
    await page.goto(url);
    await shows(page, "Log in");
    await logIn(page, "guess");
    await shows(page, "are not known here");
    await logIn(page, "secret");
    await shows(page, "team/web");
    await page.locator("#log-out").click();
    await shows(page, "Log in");
    await page.close();
  }, 30_000);

  test("goes from repositories to tags, layers, sizes, configuration and referrers, and says how to pull", async () => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(url);
    await shows(page, "Log in");
    await logIn(page, "secret");
    await shows(page, "1 of 1 repositories");
    await page.locator(`a[href="#/team/web"]`).click();
    await shows(page, "2.50 MB");
    await page.locator(`a[href="#/team/web@1.0"]`).click();
    await shows(page, "Layers, 2.50 MB together");
    const shown = await text(page);
    expect(shown).toContain(`docker pull ${url.slice("http://".length)}/team/web:1.0`);
    expect(shown).toContain("linux/amd64");
    expect(shown).toContain("application/x.sbom");
    // What a pusher wrote is text, and never markup.
    expect(shown).toContain("<img src=x");
    expect(await page.title()).toBe("team/web");
    expect(errors).toEqual([]);
    await page.close();
  }, 30_000);
});
