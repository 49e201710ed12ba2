// One instrument in the table of prices.

import { make } from "/page/dom.js";
import { figure } from "/page/numbers.js";
import { sparkline } from "/page/sparkline.js";
import { text, word } from "/page/texts.js";
import { age, clock } from "/page/time.js";

const COURSE = 120;
const CELLS = ["price", "change", "rate", "volume", "bidAsk", "course", "source", "age"];
const FIGURES = new Set(["price", "change", "rate", "volume", "bidAsk", "age"]);
const QUIET = new Set(["live", "gap", "stale"]); // nothing to say beyond what the price itself says

export class PriceRow {
  constructor(ticker, { choose, remove }) {
    this.ticker = ticker;
    this.price = null;
    this.drawn = null; // the price that is on the screen
    this.frame = null;
    this.state = "waiting";
    this.reason = null;
    this.course = [];
    this.cells = Object.fromEntries(CELLS.map((name) => [
      name, make("td", { role: "cell", class: `c-${name}${FIGURES.has(name) ? " number" : ""}` }),
    ]));
    this.name = make("button", { type: "button", class: "name", onclick: choose }, ticker);
    this.removal = make("button", { type: "button", class: "remove", onclick: remove }, "✕");
    this.node = make("tr", { role: "row", "data-ticker": ticker },
      make("th", { role: "rowheader", scope: "row", class: "c-name" }, this.name),
      ...CELLS.map((name) => this.cells[name]),
      make("td", { role: "cell", class: "c-remove" }, this.removal));
    this.show();
  }

  focus() {
    this.name.focus();
  }

  mark(isChosen) {
    this.node.classList.toggle("chosen", isChosen);
    this.name.setAttribute("aria-pressed", String(isChosen));
  }

  take(price) {
    this.price = price;
    if (price.source !== "daily_close") {
      this.course.push(price.price);
      if (this.course.length > COURSE) this.course.shift();
    }
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  // However many prices come in between two pictures of the screen, they are one change to look at.
  draw() {
    this.frame = null;
    const before = this.drawn;
    this.show();
    if (before !== null && before !== this.price.price) flash(this.cells.price, this.price.price > before);
  }

  stand(state, reason) {
    this.state = state;
    this.reason = reason;
    this.show();
  }

  refuse({ code, message }) {
    this.stand(code, message);
  }

  show() {
    const { cells, price } = this;
    this.name.setAttribute("aria-label", text("showChart", { ticker: this.ticker }));
    this.removal.setAttribute("aria-label", text("removeOne", { ticker: this.ticker }));
    const direction = !price?.change ? "" : price.change > 0 ? "up" : "down";
    cells.price.replaceChildren(make("span", { class: `price ${direction}` }, figure(price?.price)));
    cells.change.replaceChildren(make("span", { class: direction }, figure(price?.change, "signed")));
    const rate = figure(price?.change_rate, "percent");
    cells.rate.replaceChildren(make("span", { class: direction }, rate === "–" ? rate : `${rate}%`));
    cells.volume.textContent = figure(price?.volume);
    cells.bidAsk.textContent = price?.bid_price || price?.ask_price
      ? `${figure(price.bid_price)} / ${figure(price.ask_price)}` : "–";
    cells.course.replaceChildren(sparkline(this.course, direction));
    this.drawn = price?.price ?? null;
    this.showSource();
    this.showAge();
  }

  showSource() {
    const { price, state } = this;
    const parts = [];
    const tag = (kind, label) => parts.push(make("span", { class: `tag ${kind}` }, label), " ");
    if (price) {
      const label = price.source === "daily_close"
        ? text("closeOf", { date: price.base_date }) : word("source", price.stale && price.source === "realtime" ? "was_realtime" : price.source);
      tag(price.stale ? "" : price.source, `${label} · ${word("vendor", price.vendor)}`);
    }
    if (price?.stale) tag("warn", text("stale"));
    if (price?.halted) tag("warn", text("halted"));
    const isOdd = !QUIET.has(state) && !(state === "polling" && price?.source === "rest");
    if (isOdd) tag(state === "waiting" ? "" : "warn", word("row", state));
    const why = (price?.stale && price.reason) || (isOdd && state !== "waiting" && this.reason) || null;
    if (why) parts.push(make("span", { class: "why", lang: "en" }, why));
    this.node.classList.toggle("stale", Boolean(price?.stale));
    this.cells.source.replaceChildren(...parts);
  }

  showAge() {
    const { price, cells } = this;
    cells.age.textContent = price ? age(price.as_of) : "–";
    cells.age.title = price ? clock(price.as_of) : "";
  }
}

function flash(cell, isUp) {
  cell.classList.remove("flash-up", "flash-down");
  void cell.offsetWidth; // begins the animation anew
  cell.classList.add(isUp ? "flash-up" : "flash-down");
}
