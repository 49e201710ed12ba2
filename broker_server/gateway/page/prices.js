// The table of live prices.

import { byId, keep, make } from "/page/dom.js";
import { locale, onLanguage, text } from "/page/texts.js";

const FIRST = ["005930", "000660", "035720"];
const TICKER = /^[0-9A-Z]{6,9}$/;
const COURSE = 120;

export class PriceTable {
  constructor(socket, choose) {
    this.socket = socket;
    this.choose = choose;
    this.rows = new Map();
    this.body = document.querySelector("#prices tbody");
    byId("add").addEventListener("submit", (event) => {
      event.preventDefault();
      this.addTyped();
    });
    onLanguage(() => this.rows.forEach((row) => this.show(row)));
    setInterval(() => this.rows.forEach((row) => this.showAge(row)), 1000);
    for (const ticker of keep("tickers", FIRST)) if (TICKER.test(ticker)) this.add(ticker);
  }

  addTyped() {
    const input = byId("ticker");
    const ticker = input.value.trim().toUpperCase();
    const problem = !TICKER.test(ticker) ? "badTicker" : this.rows.has(ticker) ? "present" : null;
    byId("add-error").textContent = problem ? text(problem) : "";
    if (problem) return;
    input.value = "";
    this.add(ticker);
    this.save();
    this.choose(ticker);
  }

  add(ticker) {
    const cells = Object.fromEntries(
      ["price", "change", "rate", "volume", "bidAsk", "course", "source", "age"].map((name) => [name, make("td")]),
    );
    for (const name of ["price", "change", "rate", "volume", "bidAsk", "age"]) cells[name].className = "number";
    for (const name of ["volume", "bidAsk"]) cells[name].className = "number wide";
    const name = make("button", { type: "button", class: "name", onclick: () => this.choose(ticker) }, ticker);
    const remove = make("button", { type: "button", onclick: () => this.remove(ticker) }, "✕");
    const node = make("tr", { "data-ticker": ticker }, make("th", { scope: "row" }, name),
      ...Object.values(cells), make("td", {}, remove));
    const row = { ticker, node, cells, name, remove, price: null, state: "waiting", reason: null, course: [] };
    this.rows.set(ticker, row);
    this.body.append(node);
    this.show(row);
    this.socket.subscribe(`price:${ticker}`);
  }

  remove(ticker) {
    this.rows.get(ticker).node.remove();
    this.rows.delete(ticker);
    this.socket.unsubscribe(`price:${ticker}`);
    this.save();
    byId("ticker").focus();
  }

  save() {
    localStorage.setItem("tickers", JSON.stringify([...this.rows.keys()]));
  }

  mark(ticker) {
    this.rows.forEach((row) => row.node.classList.toggle("chosen", row.ticker === ticker));
  }

  take(message) {
    if (message.type === "price_update") {
      const row = this.rows.get(message.ticker);
      if (!row || message.venue !== "KRX") return;
      const before = row.price?.price;
      row.price = { ...message, ...message.data };
      row.course.push(message.data.price);
      if (row.course.length > COURSE) row.course.shift();
      this.show(row);
      if (before !== undefined && before !== message.data.price) flash(row.cells.price, message.data.price > before);
    } else if (message.type === "status" && message.topic?.startsWith("price:")) {
      const row = this.rows.get(message.topic.slice("price:".length));
      if (!row) return;
      row.state = message.state;
      row.reason = message.reason;
      this.show(row);
    }
  }

  show(row) {
    const { cells, price } = row;
    const number = new Intl.NumberFormat(locale());
    const signed = new Intl.NumberFormat(locale(), { signDisplay: "exceptZero" });
    const percent = new Intl.NumberFormat(locale(), {
      signDisplay: "exceptZero", minimumFractionDigits: 2, maximumFractionDigits: 2,
    });
    const shown = (value, format = number) => (value === null || value === undefined ? "–" : format.format(value));
    row.name.setAttribute("aria-label", text("showChart", { ticker: row.ticker }));
    row.remove.setAttribute("aria-label", text("removeOne", { ticker: row.ticker }));
    const direction = !price?.change ? "" : price.change > 0 ? "up" : "down";
    cells.price.replaceChildren(make("span", { class: `price ${direction}` }, shown(price?.price)));
    cells.change.replaceChildren(make("span", { class: direction }, shown(price?.change, signed)));
    cells.rate.replaceChildren(make("span", { class: direction }, shown(price?.change_rate, percent)));
    cells.volume.textContent = shown(price?.volume);
    cells.bidAsk.textContent = price?.bid_price || price?.ask_price
      ? `${shown(price.bid_price)} / ${shown(price.ask_price)}` : "–";
    cells.course.replaceChildren(sparkline(row.course, direction));
    this.showSource(row);
    this.showAge(row);
  }

  showSource(row) {
    const { price } = row;
    const tags = [];
    const tag = (name, label, title) => tags.push(make("span", { class: `tag ${name}`, title }, label), " ");
    if (price) {
      const label = price.source === "daily_close" ? text("closeOf", { date: price.base_date }) : text(price.source);
      tag(price.stale ? "" : price.source, `${label} · ${price.vendor}`);
    }
    if (price?.stale) tag("stale", text("stale"), price.reason);
    if (price?.halted) tag("stale", text("halted"));
    if (!["live", "gap"].includes(row.state) && !price?.stale) tag("stale", text(row.state), row.reason);
    row.node.classList.toggle("stale", Boolean(price?.stale));
    row.cells.source.replaceChildren(...tags);
  }

  showAge(row) {
    const seconds = row.price ? Math.max(0, Math.floor((Date.now() - Date.parse(row.price.as_of)) / 1000)) : null;
    row.cells.age.textContent = seconds === null ? "–" : age(seconds);
  }
}

function age(seconds) {
  if (seconds < 100) return text("seconds", { n: seconds });
  if (seconds < 6000) return text("minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 172800) return text("hours", { n: Math.floor(seconds / 3600) });
  return text("days", { n: Math.floor(seconds / 86400) });
}

function flash(cell, up) {
  cell.classList.remove("flash-up", "flash-down");
  void cell.offsetWidth; // begins the animation anew
  cell.classList.add(up ? "flash-up" : "flash-down");
}

function sparkline(course, direction) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `spark ${direction}`);
  svg.setAttribute("viewBox", "0 0 100 20");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  if (course.length < 2) return svg;
  const low = Math.min(...course);
  const range = Math.max(...course) - low || 1;
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", course
    .map((price, at) => `${((at / (course.length - 1)) * 100).toFixed(1)},${(19 - ((price - low) / range) * 18).toFixed(1)}`)
    .join(" "));
  svg.append(line);
  return svg;
}
