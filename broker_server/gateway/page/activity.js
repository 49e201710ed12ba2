// Workers, orders, events, subscriptions and data gaps: asked for every few seconds.

import { byId, make } from "/page/dom.js";
import { get } from "/page/gateway.js";
import { locale, onLanguage, text } from "/page/texts.js";

const EVERY = 3000;
const GAPS_EVERY = 60_000;
const COLUMNS = ["time", "ticker", "side", "quantity", "price", "state", "filled"];

export class ActivityView {
  constructor() {
    this.activity = null;
    this.gaps = null;
    onLanguage(() => this.show());
  }

  start() {
    const poll = async (path, every, set) => {
      try {
        set(await get(path));
        this.show();
      } catch {
        // The connection's own badge says that it is lost.
      }
      setTimeout(() => poll(path, every, set), every);
    };
    poll("/api/activity", EVERY, (found) => (this.activity = found));
    poll("/api/kr/data-gaps", GAPS_EVERY, (found) => (this.gaps = found));
  }

  show() {
    if (this.activity) {
      this.showWorkers(this.activity.workers);
      this.showOrders(this.activity.orders);
      this.showEvents(this.activity.events);
      this.showTopics(this.activity.topics);
    }
    if (this.gaps) this.showGaps(this.gaps);
  }

  showWorkers(workers) {
    const badge = byId("environment");
    const environment = workers.find((each) => each.environment)?.environment;
    badge.hidden = !environment;
    badge.textContent = environment ?? "";
    byId("workers").replaceChildren(...(workers.length ? workers.map(worker) : [empty("noWorkers")]));
  }

  showOrders(orders) {
    const [head, body] = byId("orders").children;
    head.replaceChildren(orders.length ? make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, text(name)))) : "");
    const rows = orders.map((order) => make("tr", {},
      make("td", {}, clock(order.time)), make("td", {}, order.ticker ?? ""),
      make("td", { class: order.side === "buy" ? "up" : "down" }, order.side ? text(order.side) : order.action ?? ""),
      make("td", { class: "number" }, String(order.quantity ?? "")), make("td", { class: "number" }, order.price ?? order.order_type ?? ""),
      make("td", { title: order.reason }, order.status ?? order.state ?? ""), make("td", { class: "number" }, String(order.filled_quantity ?? ""))));
    body.replaceChildren(...(rows.length ? rows : [make("tr", {}, make("td", {}, empty("noOrders")))]));
  }

  showEvents(events) {
    const items = events.map((event) => make("li", {}, make("time", {}, clock(event.time)), " ", words(event)));
    byId("events").replaceChildren(...(items.length ? items : [empty("noEvents", "li")]));
  }

  showTopics(topics) {
    const items = Object.entries(topics).map(([topic, count]) => make("li", {}, `${topic} · ${text("clients", { count })}`));
    byId("topics").replaceChildren(...(items.length ? items : [empty("noTopics", "li")]));
  }

  showGaps(report) {
    const lines = report.tickers
      ? [make("p", {}, text("gapSummary", { complete: report.complete, tickers: report.tickers, day: report.last_trading_day }))]
      : [empty("gapNone")];
    if (report.without_data.length) lines.push(make("p", {}, text("gapNoData", { tickers: report.without_data.slice(0, 30).join(", ") })));
    const gaps = report.gaps.filter((gap) => gap.newest).slice(0, 50);
    lines.push(make("ul", {}, ...gaps.map((gap) => make("li", {}, text("gapMissing", {
      ticker: gap.name ? `${gap.ticker} ${gap.name}` : gap.ticker, newest: gap.newest, age: gap.age_days ?? "?", count: gap.missing.length,
    })))));
    byId("gaps").replaceChildren(...lines);
  }
}

function worker(status) {
  const list = make("dl");
  const add = (name, value) => list.append(make("dt", {}, name), make("dd", {}, value));
  if (!status.worker) {
    add("?", status.error ?? "");
    return list;
  }
  add(status.worker, `${text("version")} ${status.version} · ${text("started")} ${clock(status.started_at)}`);
  if (status.halted) add(text("halt"), status.halted.reason ?? "");
  add(text("tasks"), Object.entries(status.tasks).filter(([, count]) => typeof count === "number").map(([name, count]) => `${name} ${count}`).join(" · "));
  for (const [vendor, said] of Object.entries(status.vendors ?? {})) {
    const live = status.streams?.[vendor] ?? status.streams?.vendors?.[vendor];
    const streams = live ? ` · ${text("streams")}: ${text("subscribed")} ${live.wanted ?? "–"}, ${text("confirmed")} ${live.confirmed ?? "–"}` : "";
    add(`${text("vendor")} ${vendor}`, `${said.state ?? said.backend ?? said.environment ?? ""}${streams}`);
  }
  return list;
}

function words(event) {
  const about = event.task_id ?? event.key ?? event.worker ?? "";
  return [event.type, event.vendor, event.ticker, event.status ?? event.state, event.reason, about]
    .filter((each) => each !== null && each !== undefined && each !== "").join(" · ");
}

function clock(time) {
  return time ? new Date(time).toLocaleTimeString(locale(), { hour12: false }) : "";
}

function empty(name, tag = "p") {
  return make(tag, { class: "empty" }, text(name));
}
