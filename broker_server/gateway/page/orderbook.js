// The order book of the chosen ticker.

import { byId, make } from "/page/dom.js";
import { figure } from "/page/numbers.js";
import { onLanguage, text, word } from "/page/texts.js";
import { clock } from "/page/time.js";

const LEVELS = 5;

export class OrderBook {
  constructor(socket) {
    this.socket = socket;
    this.ticker = null;
    this.book = null;
    this.state = "waiting";
    onLanguage(() => this.draw());
  }

  show(ticker) {
    if (ticker === this.ticker) return;
    if (this.ticker) this.socket.unsubscribe(`orderbook:${this.ticker}`);
    this.ticker = ticker;
    this.book = null;
    this.state = "waiting";
    if (ticker) this.socket.subscribe(`orderbook:${ticker}`);
    this.draw();
  }

  take(message) {
    if (message.type === "orderbook_update" && message.ticker === this.ticker && message.venue === "KRX") {
      this.book = message.data;
    } else if (message.type === "status" && message.topic === `orderbook:${this.ticker}`) {
      this.state = message.state;
    } else if (message.type === "error" && message.topic === `orderbook:${this.ticker}`) {
      this.state = message.code;
    } else return;
    this.draw();
  }

  draw() {
    const { book } = this;
    const line = (level, side) => make("tr", { class: side },
      make("td", { class: "number" }, side === "ask" ? figure(level.quantity) : ""),
      make("td", { class: "number level" }, figure(level.price)),
      make("td", { class: "number" }, side === "bid" ? figure(level.quantity) : ""));
    const asks = book?.asks.slice(0, LEVELS).reverse() ?? [];
    const bids = book?.bids.slice(0, LEVELS) ?? [];
    byId("book").hidden = !asks.length && !bids.length;
    byId("book").classList.toggle("stale", Boolean(book?.stale));
    byId("book").tBodies[0].replaceChildren(
      ...asks.map((level) => line(level, "ask")), ...bids.map((level) => line(level, "bid")));
    const note = !this.ticker ? "" : !book ? word("row", this.state)
      : text(book.stale ? "bookStale" : "bookNote", { source: word("source", book.source), vendor: word("vendor", book.vendor), time: clock(book.as_of) });
    if (byId("book-note").textContent !== note) byId("book-note").textContent = note;
  }
}
