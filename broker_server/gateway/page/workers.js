// How a worker and its brokerages are, in words: what matters first, counts only where they say something.

import { make } from "/page/dom.js";
import { figure } from "/page/numbers.js";
import { text, word } from "/page/texts.js";
import { clock } from "/page/time.js";

export function workerCard(status) {
  if (!status.worker || status.error) {
    return make("article", { class: "worker" }, status.worker ? make("h3", {}, status.worker) : null, line("bad", text("silent")), why(status.error));
  }
  const lines = status.halted
    ? [line("bad", text("haltedOrders", { time: clock(status.halted.since), by: status.halted.by })), why(status.halted.reason)]
    : [line("good", text("working"))];
  lines.push(line("", text("since", { time: clock(status.started_at), version: status.version })), tasks(status));
  const lost = (status.tasks.replies_lost ?? 0) + (status.events?.dropped ?? 0) + (status.streams?.ticks?.dropped ?? 0);
  if (lost) lines.push(line("warn", text("lostMessages", { count: figure(lost) })));
  return make("article", { class: "worker" }, make("h3", {}, status.worker), ...lines,
    ...Object.entries(status.vendors ?? {}).flatMap(([name, said]) => vendor(name, said, status.streams?.[name])),
    ...Object.entries(status.away ?? {}).flatMap(([name, said]) => away(name, said)));
}

function tasks({ tasks: counted, lanes }) {
  const failed = Object.values(counted.failed ?? {}).reduce((sum, count) => sum + count, 0);
  const said = [text("tasksDone", { count: figure(counted.succeeded) })];
  if (failed) said.push(text("tasksFailed", { count: figure(failed) }));
  const waiting = Object.values(lanes ?? {}).reduce((sum, lane) => sum + (lane.waiting ?? 0), 0);
  if (waiting) said.push(text("tasksWaiting", { count: figure(waiting) }));
  return line("", said.join(", "));
}

function vendor(name, said, live) {
  const where = said.server ? ` · ${word("server", said.server)}` : "";
  const lines = [make("h4", {}, `${word("vendor", name)}${where}`)];
  if (said.state) lines.push(line(said.state === "READY" ? "good" : "warn", word("host", said.state)), why(said.state === "READY" ? null : said.reason));
  lines.push(...connections(live?.feed?.sessions ?? []), ...slots(live));
  if (said.rate_limit) lines.push(rate(said.rate_limit));
  if (said.token && said.token.state !== "valid") lines.push(line("warn", text(`token_${said.token.state}`)));
  if (said.orders === null) lines.push(line("", text("noOrderAccount")));
  return lines;
}

function connections(sessions) {
  const wanted = sessions.filter((each) => each.state !== "idle");
  if (!sessions.length) return [];
  if (!wanted.length) return [line("", text("liveIdle"))];
  return wanted.flatMap((each) => [
    line(each.state === "connected" ? "good" : "warn", text("liveState", { state: word("session", each.state) })),
    why(each.state === "connected" ? null : each.last_failure),
  ]);
}

function slots(live) {
  if (!live) return [];
  const lines = [];
  const { capacity } = live.feed ?? {};
  if (live.wanted) lines.push(line("", text(capacity ? "slots" : "slotsOpen", { used: figure(live.wanted), capacity: figure(capacity ?? 0) })));
  const missing = (live.wanted ?? 0) - (live.confirmed ?? 0) - (live.polled ?? 0);
  if (missing > 0) lines.push(line("warn", text("unconfirmed", { count: figure(missing) })));
  if (live.polled) lines.push(line("warn", text("polled", { count: figure(live.polled) })));
  if (live.stale) lines.push(line("warn", text("silentStreams", { count: figure(live.stale) })));
  return lines;
}

function rate(limit) {
  const waiting = Object.values(limit.waiting ?? {}).reduce((sum, count) => sum + count, 0);
  const said = text("rateLimit", { limit: figure(limit.limit_per_second) });
  return waiting ? line("warn", `${said}, ${text("rateWaiting", { count: figure(waiting) })}`) : line("", said);
}

function away(name, said) {
  const state = said?.state ? ` (${word("host", said.state)})` : "";
  return [make("h4", {}, word("vendor", name)), line("bad", text("away") + state), why(said?.reason)];
}

function line(kind, said) {
  return make("p", { class: `fact ${kind}` }, said);
}

function why(reason) {
  return reason ? make("p", { class: "why", lang: "en" }, reason) : null;
}
