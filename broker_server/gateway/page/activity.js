// Workers, orders, events, subscriptions and data gaps: asked for every few seconds.

import { byId, make } from "/page/dom.js";
import { eventLine, orderState } from "/page/events.js";
import { get } from "/page/gateway.js";
import { figure } from "/page/numbers.js";
import { onLanguage, text, word } from "/page/texts.js";
import { clock } from "/page/time.js";
import { workerCard } from "/page/workers.js";

const EVERY = 3000;
const GAPS_EVERY = 60_000;
const MOST_TICKERS = 30;
const MOST_GAPS = 50;
const MOST_TASKS = 50;

export class ActivityView {
  constructor() {
    this.activity = null;
    this.gaps = null;
    this.drawn = new Map();
    onLanguage(() => {
      this.drawn.clear();
      this.show();
    });
  }

  start() {
    this.look();
    setInterval(() => this.lookAtActivity(), EVERY);
    setInterval(() => this.lookAtGaps(), GAPS_EVERY);
  }

  look() {
    this.lookAtActivity();
    this.lookAtGaps();
  }

  lookAtActivity() {
    return get("/api/activity").then((found) => this.takeActivity(found)).catch(() => {}); // the badge says that it is lost
  }

  lookAtGaps() {
    return get("/api/kr/data-gaps").then((found) => {
      this.gaps = found;
      this.show();
    }).catch(() => {});
  }

  takeActivity(found) {
    this.activity = found;
    this.show();
  }

  // What has not changed is left alone, so that nobody loses a selection or the place in a list.
  show() {
    const { activity, gaps } = this;
    if (activity) {
      this.once("workers", [activity.workers, activity.trouble, activity.answered_at], () => this.showWorkers(activity));
      const tasks = recentTasks(activity.workers);
      this.once("tasks", tasks, () => this.showTasks(tasks));
      this.once("orders", activity.orders, () => this.showOrders(activity.orders));
      this.once("events", activity.events, () => this.showEvents(activity.events));
      this.once("topics", activity.topics, () => this.showTopics(activity.topics));
    }
    if (gaps) this.once("gaps", gaps, () => this.showGaps(gaps));
  }

  once(name, content, draw) {
    const now = JSON.stringify(content);
    if (this.drawn.get(name) === now) return;
    this.drawn.set(name, now);
    draw();
  }

  showWorkers({ workers, trouble, answered_at: answered }) {
    const badge = byId("environment");
    const environment = workers.find((each) => each.environment)?.environment;
    badge.hidden = !environment;
    badge.textContent = environment ? word("environment", environment) : "";
    byId("workers-trouble").textContent = !trouble ? ""
      : answered ? text("noAnswerSince", { time: clock(answered) }) : text("noWorkers");
    byId("workers").classList.toggle("stale", Boolean(trouble));
    byId("workers").replaceChildren(...workers.map(workerCard));
  }

  showTasks(tasks) {
    byId("tasks").hidden = !tasks.length;
    byId("tasks-none").hidden = tasks.length > 0;
    byId("tasks").tBodies[0].replaceChildren(...tasks.map((task) => make("tr", {},
      make("td", {}, clock(task.time)),
      make("td", { lang: "en", title: task.task_id }, task.method),
      make("td", { class: "number" }, text("tookSeconds", { n: task.seconds.toFixed(3) })),
      make("td", { class: task.error ? "fact bad" : "fact good" }, text(task.error ? "taskFailed" : "taskDone"),
        task.error ? make("span", { class: "why", lang: "en" }, task.error) : null))));
  }

  showOrders(orders) {
    const cell = (value) => make("td", { class: "number" }, figure(value));
    byId("orders").hidden = !orders.length;
    byId("orders-none").hidden = orders.length > 0;
    byId("orders").tBodies[0].replaceChildren(...orders.map((order) => make("tr", {},
      make("td", {}, clock(order.time)),
      make("td", {}, order.ticker ?? ""),
      make("td", { class: { buy: "up", sell: "down" }[order.side] ?? "" }, word("action", order.action ?? order.side ?? "")),
      cell(order.quantity),
      order.price === null ? make("td", { class: "number" }, word("type", order.order_type ?? "")) : cell(Number(order.price)),
      cell(order.filled_quantity),
      make("td", {}, orderState(order), order.reason ? make("span", { class: "why", lang: "en" }, order.reason) : null))));
  }

  showEvents(events) {
    byId("events").replaceChildren(...(events.length
      ? events.map((event) => make("li", {}, make("time", { datetime: event.time }, clock(event.time)), " ", ...eventLine(event)))
      : [make("li", { class: "note" }, text("noEvents"))]));
  }

  showTopics(topics) {
    const items = Object.entries(topics).filter(([, count]) => count).map(([topic, count]) => {
      const [kind, subject] = topic.split(":");
      return make("li", {}, `${subject} · ${word("topic", kind)} · ${text(count === 1 ? "oneClient" : "clients", { count })}`);
    });
    byId("topics").replaceChildren(...(items.length ? items : [make("li", { class: "note" }, text("noTopics"))]));
  }

  showGaps(report) {
    if (!report.tickers) {
      byId("gaps").replaceChildren(make("p", { class: "note" }, text("gapNone")));
      return;
    }
    const lines = [make("p", {}, text("gapSummary", { complete: report.complete, tickers: report.tickers, day: report.last_trading_day }))];
    const without = report.without_data;
    if (without.length) {
      const more = without.length > MOST_TICKERS ? ` ${text("andMore", { count: without.length - MOST_TICKERS })}` : "";
      lines.push(make("p", {}, text("gapNoData", { tickers: without.slice(0, MOST_TICKERS).join(", ") }) + more));
    }
    const gaps = report.gaps.filter((gap) => gap.newest);
    lines.push(make("ul", {}, ...gaps.slice(0, MOST_GAPS).map(gapLine)));
    if (gaps.length > MOST_GAPS) lines.push(make("p", { class: "note" }, text("andMore", { count: gaps.length - MOST_GAPS })));
    byId("gaps").replaceChildren(...lines);
  }
}

function gapLine(gap) {
  const said = [text("gapNewest", { newest: gap.newest })];
  if (gap.age_days) said.push(text(gap.age_days === 1 ? "gapBehindOne" : "gapBehind", { age: gap.age_days }));
  if (gap.missing.length) {
    const days = gap.missing.slice(0, 5).join(", ") + (gap.missing.length > 5 ? " …" : "");
    said.push(text(gap.missing.length === 1 ? "gapMissingOne" : "gapMissing", { count: gap.missing.length, days }));
  }
  return make("li", {}, make("strong", {}, gap.name ? `${gap.ticker} ${gap.name}` : gap.ticker), `: ${said.join(", ")}`);
}

// Of all workers, the newest first.
function recentTasks(workers) {
  return workers.flatMap((each) => each.recent ?? []).sort((one, other) => other.time.localeCompare(one.time)).slice(0, MOST_TASKS);
}
