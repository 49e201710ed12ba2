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
      name, make("td", { role: "cell", class: `c-${name}${FIGURES.has(name) ? " number" : ""}` }, make("span")),
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
    write(cells.price.firstChild, figure(price?.price), `price ${direction}`);
    write(cells.change.firstChild, figure(price?.change, "signed"), direction);
    const rate = figure(price?.change_rate, "percent");
    write(cells.rate.firstChild, rate === "–" ? rate : `${rate}%`, direction);
    write(cells.volume.firstChild, figure(price?.volume));
    write(cells.bidAsk.firstChild, price?.bid_price || price?.ask_price
      ? `${figure(price.bid_price)} / ${figure(price.ask_price)}` : "–");
    cells.course.replaceChildren(sparkline(this.course, direction));
    this.drawn = price?.price ?? null;
    this.showSource();
    this.showAge();
  }

  showSource() {
    const { price, state } = this;
    const tags = [];
    const tag = (kind, label) => tags.push([kind, label]);
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
    this.node.classList.toggle("stale", Boolean(price?.stale));
    const said = JSON.stringify([tags, why]);
    if (said === this.said) return;
    this.said = said;
    this.cells.source.replaceChildren(
      ...tags.flatMap(([kind, label]) => [make("span", { class: `tag ${kind}` }, label), " "]),
      ...(why ? [make("span", { class: "why", lang: "en" }, why)] : []));
  }

  showAge() {
    const { price, cells } = this;
    write(cells.age.firstChild, price ? age(price.as_of) : "–");
    cells.age.title = price ? clock(price.as_of) : "";
  }
}

// What is the same is left alone: a table is laid out anew for each change.
function write(node, label, look = node.className) {
  if (node.textContent !== label) node.textContent = label;
  if (node.className !== look) node.className = look;
}

function flash(cell, isUp) {
  cell.classList.toggle("flash-up", isUp);
  cell.classList.toggle("flash-down", !isUp);
  cell.classList.toggle("again"); // another name of the same animation begins it anew
}
