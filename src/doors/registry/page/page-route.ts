import script from "./page.browser.js" with { type: "text" };
import style from "./page.css" with { type: "text" };
import document from "./page.html" with { type: "text" };

const ASSETS: Readonly<Record<string, { readonly text: string; readonly type: string }>> = {
  "/": { text: document as unknown as string, type: "text/html; charset=utf-8" },
  "/-/page.css": { text: style, type: "text/css; charset=utf-8" },
  "/-/page.js": { text: script, type: "text/javascript; charset=utf-8" },
};

/** It asks this registry, runs its own script, and nothing else; nobody may put it in a frame. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page for people, which lists what the registry has by the registry's own API. @returns undefined if the path is not of it */
export function answerPage(method: string, path: string): Response | undefined {
  const asset = ASSETS[path];
  if (asset === undefined || (method !== "GET" && method !== "HEAD")) return undefined;
  return new Response(asset.text, {
    headers: {
      "content-type": asset.type,
      "content-length": String(Buffer.byteLength(asset.text)),
      "content-security-policy": POLICY,
      "cache-control": "no-cache",
    },
  });
}
