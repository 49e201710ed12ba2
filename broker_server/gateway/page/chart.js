// The candle chart of the chosen ticker; its last bar follows the live price.

import { CandlestickSeries, HistogramSeries, createChart } from "/page/vendor/lightweight-charts.js";
import { byId } from "/page/dom.js";
import { get } from "/page/gateway.js";
import { figure } from "/page/numbers.js";
import { locale, onLanguage, text } from "/page/texts.js";
import { day } from "/page/time.js";

const DAYS = 250;

export class CandleChart {
  constructor() {
    this.chart = createChart(byId("chart"), {
      autoSize: true,
      layout: { background: { color: "transparent" }, attributionLogo: false }, // the page's foot has it in words
      localization: { dateFormat: "yyyy-MM-dd", priceFormatter: (price) => figure(Math.round(price)) },
      handleScroll: { vertTouchDrag: false }, // a finger scrolls the page
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { priceFormat: { type: "price", precision: 0, minMove: 1 } });
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.ticker = null;
    this.shown = null;
    this.price = null;
    this.paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    onLanguage(() => {
      this.chart.applyOptions({ localization: { locale: locale() } });
      this.note();
    });
  }

  paint() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    this.chart.applyOptions({
      layout: { textColor: color("--text"), fontFamily: style.fontFamily },
      grid: { vertLines: { color: color("--line") }, horzLines: { color: color("--line") } },
      rightPriceScale: { borderColor: color("--line") },
      timeScale: { borderColor: color("--line") },
    });
    const [up, down] = [color("--up"), color("--down")];
    this.candles.applyOptions({ upColor: up, wickUpColor: up, borderUpColor: up, downColor: down, wickDownColor: down, borderDownColor: down });
    this.volumes.applyOptions({ color: color("--line") });
  }

  show(ticker) {
    if (ticker === this.ticker) return;
    this.ticker = ticker;
    this.shown = null;
    this.price = null;
    this.draw();
    this.reload();
  }

  async reload() {
    const { ticker } = this;
    if (!ticker) return;
    let found = null;
    try {
      found = (await get(`/api/kr/stocks/${encodeURIComponent(ticker)}/candles?limit=${DAYS}`)).candles;
    } catch {
      // The note says so; it is tried again when the connection is back.
    }
    if (this.ticker !== ticker || (!found && this.shown)) return;
    this.shown = found;
    this.failed = !found;
    this.draw();
    if (this.price) this.follow(this.price);
  }

  take(message) {
    if (message.type !== "price_update" || message.ticker !== this.ticker || message.venue !== "KRX") return;
    this.price = { ...message, ...message.data };
    this.follow(this.price);
  }

  follow(price) {
    const today = day(price.as_of);
    if (!price.open || !this.shown?.length || today < this.shown.at(-1).date) return;
    this.candles.update({ time: today, open: price.open, high: price.high, low: price.low, close: price.price });
    if (price.volume !== null) this.volumes.update({ time: today, value: price.volume });
  }

  draw() {
    const candles = this.shown ?? [];
    this.candles.setData(candles.map(({ date, open, high, low, close }) => ({ time: date, open, high, low, close })));
    this.volumes.setData(candles.map(({ date, volume }) => ({ time: date, value: volume })));
    this.chart.timeScale().fitContent();
    byId("chart").hidden = Boolean(this.shown && !candles.length) || !this.ticker;
    this.note();
  }

  note() {
    const candles = this.shown ?? [];
    byId("chart-note").textContent = !this.ticker ? text("noneChosen")
      : candles.length ? text("candleNote", {
        count: candles.length, first: candles[0].date, last: candles.at(-1).date,
        low: figure(Math.min(...candles.map((each) => each.low))), high: figure(Math.max(...candles.map((each) => each.high))),
      })
        : this.shown ? text("noCandles", { ticker: this.ticker })
          : text(this.failed ? "candlesFailed" : "row_waiting");
  }
}
