// The page of the API: what /openapi.json says, as a page.

import { byId, make } from "/page/dom.js";
import { onLanguage, switchLanguage, text, translatePage } from "/page/texts.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
let openapi = null;

function show() {
  document.title = text("docsTitle");
  byId("docs-title").textContent = text("docsTitle");
  if (!openapi) return;
  byId("about").textContent = `${openapi.info.description ?? ""} (${openapi.info.version})`;
  const operations = Object.entries(openapi.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method])
    .map((method) => ({ path, method, id: `${method}${path}`.replace(/[^\w]+/g, "-"), ...item[method] })));
  byId("contents").replaceChildren(
    ...operations.map((each) => make("li", {}, link(`#${each.id}`, `${each.method.toUpperCase()} ${each.path}`), ` – ${each.summary ?? ""}`)),
    make("li", {}, link("#socket", text("docsSocket")), " – /ws"));
  byId("operations").replaceChildren(...operations.map(operation));
}

function operation({ path, method, id, summary, description, parameters = [], responses }) {
  const parts = [
    make("h2", {}, make("span", { class: "method" }, method.toUpperCase()), " ", make("code", {}, path)),
    make("p", { lang: "en" }, summary ?? ""),
  ];
  if (description && description !== summary) parts.push(make("p", { lang: "en" }, description));
  if (parameters.length) parts.push(make("h3", {}, text("docsParameters")), fields(parameters.map((each) => ({
    name: each.name, kind: `${kind(each.schema)} · ${each.in}`, required: each.required,
    meaning: [each.description ?? each.schema?.description, limits(each.schema)].filter(Boolean).join("; "),
  }))));
  parts.push(make("h3", {}, text("docsAnswers")));
  for (const [status, answer] of Object.entries(responses)) parts.push(response(status, answer));
  const example = `curl '${location.origin}${filled(path, parameters)}'`;
  parts.push(make("h3", {}, text("docsTry")), make("pre", {}, method === "post" ? `curl -X POST -H 'X-API-Key: …' ${example.slice(5)}` : example));
  return make("section", { id, "aria-label": `${method.toUpperCase()} ${path}` }, ...parts);
}

function response(status, answer) {
  const title = make("summary", {}, make("strong", {}, status), ` ${answer.description ?? ""}`);
  const schema = resolve(Object.values(answer.content ?? {})[0]?.schema);
  const isGood = status.startsWith("2");
  return make("details", isGood ? { open: "" } : {}, title, schema ? table(schema) : null);
}

// The fields of an object; those of the objects in it are behind a click.
function table(schema, depth = 0) {
  const found = resolve(schema);
  const inner = found?.properties ? found : resolve(found?.items ?? found?.additionalProperties);
  if (!inner?.properties || depth > 4) return make("p", {}, make("code", {}, kind(schema)));
  return fields(Object.entries(inner.properties).map(([name, each]) => ({
    name, kind: kind(each), required: false, meaning: [each.description, sample(each)].filter(Boolean).join("; "),
    more: hasFields(each) ? table(each, depth + 1) : null,
  })));
}

function fields(rows) {
  return make("table", {}, make("thead", {}, make("tr", {}, ...["docsName", "docsKind", "docsMeaning"].map((name) => make("th", { scope: "col" }, text(name))))),
    make("tbody", {}, ...rows.map((row) => make("tr", {},
      make("td", {}, make("code", {}, row.name), row.required ? ` (${text("docsRequired")})` : ""),
      make("td", {}, row.kind),
      make("td", { lang: "en" }, row.meaning, row.more ? make("details", {}, make("summary", {}, "…"), row.more) : null)))));
}

function hasFields(schema) {
  const found = resolve(schema);
  return Boolean(found?.properties || resolve(found?.items)?.properties || resolve(found?.additionalProperties)?.properties);
}

function resolve(schema) {
  if (!schema || typeof schema !== "object") return null;
  const one = schema.anyOf?.find((each) => each.type !== "null") ?? schema;
  if (!one.$ref) return one;
  return one.$ref.replace("#/", "").split("/").reduce((found, key) => found?.[key], openapi);
}

function kind(schema) {
  if (!schema) return "";
  if (schema.anyOf) return schema.anyOf.map(kind).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.$ref) return schema.$ref.split("/").at(-1).replace(/Schema$/, "");
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  if (schema.type === "object" && schema.additionalProperties) return `object of ${kind(schema.additionalProperties) || "anything"}`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type ?? "anything";
}

function limits(schema) {
  const { minimum, maximum, pattern, default: usual } = schema ?? {};
  const said = [];
  if (minimum !== undefined) said.push(`≥ ${minimum}`);
  if (maximum !== undefined) said.push(`≤ ${maximum}`);
  if (pattern) said.push(pattern);
  if (usual !== undefined && usual !== null) said.push(`= ${JSON.stringify(usual)}`);
  return said.join(", ");
}

function sample(schema) {
  return schema.examples?.length ? `e.g. ${schema.examples.map((each) => JSON.stringify(each)).join(", ")}` : "";
}

function filled(path, parameters) {
  const needed = parameters.filter((each) => each.in === "query" && each.required)
    .map((each) => `${each.name}=${each.name === "tickers" ? "005930,000660" : "…"}`);
  return path.replace("{ticker}", "005930") + (needed.length ? `?${needed.join("&")}` : "");
}

function link(href, label) {
  return make("a", { href }, label);
}

byId("language").addEventListener("click", switchLanguage);
onLanguage(show);
translatePage();
try {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(String(answer.status));
  openapi = await answer.json();
  show();
} catch {
  byId("docs-error").textContent = text("docsFailed");
}
