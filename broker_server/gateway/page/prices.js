// The table of live prices: which tickers are in it, and how the keyboard moves through it.

import { byId, keep, kept } from "/page/dom.js";
import { PriceRow } from "/page/price-row.js";
import { onLanguage, text } from "/page/texts.js";

const FIRST = ["005930", "000660", "035720"];
const TICKER = /^[0-9A-Z]{6,9}$/;

export class PriceTable {
  // Calls `choose(ticker)` with the one whose chart is to be shown, or null when none is left.
  constructor(socket, choose) {
    this.socket = socket;
    this.choose = choose;
    this.rows = new Map();
    this.chosen = null;
    this.body = byId("prices").tBodies[0];
    this.problem = null;
    byId("add").addEventListener("submit", (event) => {
      event.preventDefault();
      this.addTyped();
    });
    byId("ticker").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.target.value = "";
      this.complain(null);
      (this.rows.get(this.chosen) ?? this.rows.values().next().value)?.focus();
    });
    this.body.addEventListener("keydown", (event) => this.move(event));
    onLanguage(() => {
      this.rows.forEach((row) => row.show());
      this.complain(this.problem);
    });
    setInterval(() => this.rows.forEach((row) => row.showAge()), 1000);
    const tickers = kept("tickers", FIRST);
    for (const ticker of Array.isArray(tickers) ? tickers : FIRST) if (TICKER.test(ticker)) this.add(ticker);
    this.showEmpty();
  }

  addTyped() {
    const input = byId("ticker");
    const ticker = input.value.trim().toUpperCase();
    this.complain(!TICKER.test(ticker) ? "badTicker" : this.rows.has(ticker) ? "present" : null);
    if (this.problem) return;
    input.value = "";
    this.add(ticker);
    this.save();
    this.say(text("added", { ticker }));
    this.choose(ticker);
  }

  add(ticker) {
    const row = new PriceRow(ticker, { choose: () => this.choose(ticker), remove: () => this.remove(ticker) });
    this.rows.set(ticker, row);
    this.body.append(row.node);
    this.socket.subscribe(`price:${ticker}`);
  }

  remove(ticker) {
    const names = [...this.rows.keys()];
    const at = names.indexOf(ticker);
    const next = names[at + 1] ?? names[at - 1] ?? null;
    this.rows.get(ticker).node.remove();
    this.rows.delete(ticker);
    this.socket.unsubscribe(`price:${ticker}`);
    this.save();
    this.say(text("removed", { ticker }));
    if (next) this.rows.get(next).focus();
    else byId("ticker").focus();
    if (ticker === this.chosen) this.choose(next);
  }

  move(event) {
    const row = [...this.rows.values()].find((each) => each.node.contains(event.target));
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = [...this.rows.values()];
    const at = all.indexOf(row);
    const target = { ArrowDown: all[at + 1], ArrowUp: all[at - 1], Home: all[0], End: all.at(-1) }[event.key];
    if (target) target.focus();
    else if (event.key === "Delete") this.remove(row.ticker);
    else return;
    event.preventDefault();
  }

  mark(ticker) {
    this.chosen = ticker;
    this.rows.forEach((row) => row.mark(row.ticker === ticker));
  }

  take(message) {
    const row = this.rowOf(message);
    if (!row) return;
    if (message.type === "price_update") row.take({ ...message, ...message.data });
    else if (message.type === "error") row.refuse(message);
    else if (message.type === "status") {
      const before = row.state;
      row.stand(message.state, message.reason);
      if (message.state === "unknown" && before !== "unknown") this.say(`${row.ticker}: ${text("row_unknown")}`);
    }
  }

  rowOf(message) {
    if (message.type === "price_update") return message.venue === "KRX" ? this.rows.get(message.ticker) : undefined;
    return message.topic?.startsWith("price:") ? this.rows.get(message.topic.slice("price:".length)) : undefined;
  }

  complain(problem) {
    this.problem = problem;
    byId("add-error").textContent = problem ? text(problem) : "";
    byId("ticker").setAttribute("aria-invalid", String(Boolean(problem)));
  }

  say(what) {
    byId("said").textContent = what;
  }

  save() {
    keep("tickers", [...this.rows.keys()]);
    this.showEmpty();
  }

  showEmpty() {
    byId("empty-list").hidden = this.rows.size > 0;
  }
}
