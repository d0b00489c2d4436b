// The registry's page: it asks the registry itself, as any client does, with the rights of whoever looks.

const content = document.getElementById("content");
const logOut = document.getElementById("log-out");
const host = location.host;
document.getElementById("host").textContent = host;

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Kept for as long as this page is open, and nowhere else. */
let authorization;

class NeedsLogin extends Error {}

async function ask(path, headers = {}) {
  const response = await fetch(path, {
    headers: { ...headers, ...(authorization ? { authorization } : {}) },
    credentials: "omit",
  });
  if (response.status === 401) throw new NeedsLogin();
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Error(body.errors?.[0]?.message ?? `the registry answered ${response.status}`);
}

/** All pages of a list. */
async function askAll(path, field) {
  const items = [];
  for (let next = path; next; ) {
    const response = await ask(next);
    items.push(...((await response.json())[field] ?? []));
    next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return items;
}

/** Makes an element; children that are texts stay texts, whatever a pusher wrote. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

function table(head, rows) {
  const cell = (name) => (value, index) =>
    element(name, head[index].startsWith("#") ? { class: "number" } : {}, value ?? "");
  const names = head.map((text) => text.replace(/^#/, ""));
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...names.map(cell("th")))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell("td"))))),
  );
}

function formatSize(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  let size = bytes;
  for (; size >= 999.5 && power < units.length - 1; power += 1) size /= 1000;
  return `${power === 0 ? size : size.toPrecision(3)} ${units[power]}`;
}

function shortDigest(digest) {
  return element("code", { title: digest }, `${digest.slice(0, digest.indexOf(":") + 13)}…`);
}

function formatPlatform({ os, architecture, variant } = {}) {
  return [os, architecture, variant].filter(Boolean).join("/") || "any";
}

function howToPull(name) {
  const rows = [`gantry pull ${name}`, `docker pull ${name}`].map((command) =>
    element(
      "div",
      { class: "pull" },
      element("code", {}, command),
      element("button", { type: "button", onclick: () => navigator.clipboard?.writeText(command) }, "Copy"),
    ),
  );
  return [element("h2", {}, "How to pull"), ...rows];
}

function link(repository, reference, text = reference) {
  return element("a", { href: `#/${repository}${reference === undefined ? "" : `@${reference}`}` }, text);
}

async function showRepositories() {
  const names = await askAll("/v2/_catalog?n=500", "repositories");
  if (names.length === 0) {
    return [
      element("h1", {}, "Nothing is here yet"),
      element("p", { class: "quiet" }, "or nothing that you may see. Push something:"),
      element(
        "div",
        { class: "pull" },
        element("code", {}, `docker tag IMAGE ${host}/NAME && docker push ${host}/NAME`),
      ),
    ];
  }
  const list = element("div");
  const draw = (word) => {
    const found = names.filter((name) => name.includes(word));
    list.replaceChildren(
      table(
        [`${found.length} of ${names.length} repositories`],
        found.map((name) => [link(name, undefined, name)]),
      ),
    );
  };
  draw("");
  const search = element("input", {
    type: "search",
    placeholder: "Find a repository",
    "aria-label": "Find a repository",
    oninput: (event) => draw(event.target.value.trim()),
  });
  return [search, list];
}

/** For how many tags of a repository their manifests are read at once, for a list that says more. */
const READ_TAGS = 50;

async function showRepository(repository) {
  const tags = await askAll(`/v2/${repository}/tags/list?n=500`, "tags");
  if (tags.length === 0) {
    return [element("h1", {}, repository), element("p", { class: "quiet" }, "It has no tags.")];
  }
  const list = element("div");
  const draw = (facts) => list.replaceChildren(tagTable(repository, tags, facts));
  draw(new Map());
  const reading = tags.slice(0, READ_TAGS).map(async (tag) => [tag, await readManifest(repository, tag)]);
  Promise.all(reading).then(
    (facts) => draw(new Map(facts)),
    () => {},
  );
  return [element("h1", {}, repository), list];
}

function tagTable(repository, tags, facts) {
  const rows = tags.map((tag) => {
    const { digest, document: manifest } = facts.get(tag) ?? {};
    if (digest === undefined) return [link(repository, tag), "", "", ""];
    const { manifests, layers = [] } = manifest;
    const holds = manifests ? manifests.map((entry) => formatPlatform(entry.platform)).join(", ") : "one image";
    const size = manifests ? "" : formatSize(layers.reduce((sum, layer) => sum + layer.size, 0));
    return [link(repository, tag), shortDigest(digest), holds, size];
  });
  return table(["Tag", "Manifest", "Holds", "#Size"], rows);
}

async function readManifest(repository, reference) {
  const response = await ask(`/v2/${repository}/manifests/${reference}`, { accept: MANIFEST_TYPES });
  const digest = response.headers.get("docker-content-digest");
  return { digest, type: response.headers.get("content-type"), document: await response.json() };
}

async function showManifest(repository, reference) {
  const { digest, type, document: manifest } = await readManifest(repository, reference);
  const name = `${host}/${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
  const referrers = (await (await ask(`/v2/${repository}/referrers/${digest}`)).json()).manifests;
  return [
    element("h1", {}, link(repository, undefined, repository), `${reference.includes(":") ? " " : ":"}${reference}`),
    element("p", { class: "quiet" }, `${type} `, element("code", {}, digest)),
    ...howToPull(name),
    ...(manifest.manifests ? describeIndex(repository, manifest) : await describeImage(repository, manifest)),
    ...describeReferrers(repository, referrers),
  ];
}

function describeIndex(repository, { manifests }) {
  const rows = manifests.map((entry) => [
    formatPlatform(entry.platform),
    element("a", { href: `#/${repository}@${entry.digest}` }, shortDigest(entry.digest)),
    formatSize(entry.size),
  ]);
  return [element("h2", {}, "Platforms"), table(["Platform", "Manifest", "#Size"], rows)];
}

async function describeImage(repository, { layers = [], config, artifactType }) {
  const total = layers.reduce((sum, layer) => sum + layer.size, 0);
  const rows = layers.map((layer) => [shortDigest(layer.digest), layer.mediaType, formatSize(layer.size)]);
  const parts = [element("h2", {}, `Layers, ${formatSize(total)} together`), table(["Layer", "Type", "#Size"], rows)];
  if (artifactType) parts.unshift(element("p", {}, `An artifact of type ${artifactType}.`));
  const isImage = /\.(container\.image|image\.config)\.v1\+json$/.test(config?.mediaType ?? "");
  if (!isImage || config.size > 1_000_000) return parts;
  const read = await (await ask(`/v2/${repository}/blobs/${config.digest}`)).json();
  const { Entrypoint, Cmd, User, ExposedPorts, Labels } = read.config ?? {};
  const facts = [
    ["Platform", formatPlatform(read)],
    ["Created", read.created],
    ["Program", [...(Entrypoint ?? []), ...(Cmd ?? [])].join(" ")],
    ["User", User],
    ["Ports", Object.keys(ExposedPorts ?? {}).join(", ")],
    ...Object.entries(Labels ?? {}),
  ].filter(([, value]) => value);
  return [...parts, element("h2", {}, "Configuration"), table(["", ""], facts)];
}

function describeReferrers(repository, referrers) {
  if (referrers.length === 0) return [];
  const rows = referrers.map((entry) => [
    entry.artifactType ?? entry.mediaType,
    element("a", { href: `#/${repository}@${entry.digest}` }, shortDigest(entry.digest)),
    formatSize(entry.size),
  ]);
  return [element("h2", {}, "Signatures and others that refer to it"), table(["Type", "Manifest", "#Size"], rows)];
}

function showLogin(problem) {
  const user = element("input", { name: "user", placeholder: "User", "aria-label": "User", autocomplete: "username" });
  const password = element("input", {
    name: "password",
    type: "password",
    placeholder: "Password",
    "aria-label": "Password",
    autocomplete: "current-password",
  });
  const logIn = (event) => {
    event.preventDefault();
    const bytes = new TextEncoder().encode(`${user.value}:${password.value}`);
    authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    void show();
  };
  return [
    element(
      "form",
      { onsubmit: logIn },
      element("h1", {}, "Log in"),
      problem === undefined ? undefined : element("p", { class: "error", role: "alert" }, problem),
      user,
      password,
      element("button", { type: "submit" }, "Log in"),
    ),
  ];
}

async function show() {
  const [repository, reference] = decodeURIComponent(location.hash.replace(/^#\/?/, "")).split("@", 2);
  try {
    // Whoever may not enter learns it here; whoever may, sees what is public.
    if (authorization !== undefined) await ask("/v2/");
    const parts = !repository
      ? await showRepositories()
      : reference
        ? await showManifest(repository, reference)
        : await showRepository(repository);
    content.replaceChildren(...parts);
    document.title = repository || "Registry";
  } catch (error) {
    const isLogin = error instanceof NeedsLogin;
    const problem =
      authorization === undefined ? undefined : "That user and password are not known here, or may not see this.";
    if (isLogin) authorization = undefined;
    content.replaceChildren(
      ...(isLogin ? showLogin(problem) : [element("p", { class: "error", role: "alert" }, error.message)]),
    );
  }
  logOut.hidden = authorization === undefined;
}

logOut.addEventListener("click", () => {
  authorization = undefined;
  void show();
});
addEventListener("hashchange", () => void show());
void show();
