// The candle chart of the chosen ticker; its last bar follows the live price.

import { CandlestickSeries, HistogramSeries, createChart } from "/page/vendor/lightweight-charts.js";
import { byId } from "/page/dom.js";
import { get } from "/page/gateway.js";
import { locale, onLanguage, text } from "/page/texts.js";

const DAYS = 250;

export class CandleChart {
  constructor() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    this.chart = createChart(byId("chart"), {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: color("--text") },
      grid: { vertLines: { color: color("--line") }, horzLines: { color: color("--line") } },
      localization: { locale: locale(), priceFormatter: (price) => Math.round(price).toLocaleString(locale()) },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {
      upColor: color("--up"), wickUpColor: color("--up"), borderUpColor: color("--up"),
      downColor: color("--down"), wickDownColor: color("--down"), borderDownColor: color("--down"),
    });
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" }, color: color("--line"),
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.ticker = null;
    this.shown = null;
    onLanguage(() => {
      this.chart.applyOptions({ localization: { locale: locale() } });
      this.note();
    });
  }

  async show(ticker) {
    this.ticker = ticker;
    byId("chart-ticker").textContent = ticker;
    try {
      const answer = await get(`/api/kr/stocks/${ticker}/candles?limit=${DAYS}`);
      if (this.ticker !== ticker) return;
      this.shown = answer.candles;
    } catch {
      this.shown = [];
    }
    this.candles.setData(this.shown.map(({ date, open, high, low, close }) => ({ time: date, open, high, low, close })));
    this.volumes.setData(this.shown.map(({ date, volume }) => ({ time: date, value: volume })));
    this.chart.timeScale().fitContent();
    this.note();
  }

  take(message) {
    const price = message.data;
    if (message.type !== "price_update" || message.ticker !== this.ticker || !price.open || !this.shown?.length) return;
    const today = new Date(Date.parse(price.as_of) + 9 * 3600_000).toISOString().slice(0, 10); // the day in Korea
    if (today < this.shown.at(-1).date) return;
    this.candles.update({ time: today, open: price.open, high: price.high, low: price.low, close: price.price });
    if (price.volume !== null) this.volumes.update({ time: today, value: price.volume });
  }

  note() {
    if (!this.ticker) return;
    byId("chart-note").textContent = this.shown?.length
      ? text("candleNote", { count: this.shown.length, last: this.shown.at(-1).date })
      : text("noCandles", { ticker: this.ticker });
  }
}
