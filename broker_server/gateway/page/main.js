// Puts the page together.

import { ActivityView } from "/page/activity.js";
import { CandleChart } from "/page/chart.js";
import { byId } from "/page/dom.js";
import { Socket, unlock, whenKeyNeeded } from "/page/gateway.js";
import { PriceTable } from "/page/prices.js";
import { locale, onLanguage, switchLanguage, text, translatePage } from "/page/texts.js";

let state = "connecting";
let lostAt = null;

const socket = new Socket({ take, changed });
const chart = new CandleChart();
const table = new PriceTable(socket, choose);
const activity = new ActivityView();

function take(message) {
  table.take(message);
  chart.take(message);
  if (message.type === "error" && message.topic) byId("add-error").textContent = message.message;
}

function choose(ticker) {
  table.mark(ticker);
  chart.show(ticker);
}

function changed(now) {
  if (now === "lost" && state !== "lost") lostAt = new Date();
  state = now;
  showConnection();
}

function showConnection() {
  const badge = byId("connection");
  badge.textContent = text(state);
  badge.className = `badge ${{ connected: "good", lost: "bad" }[state] ?? ""}`;
  const lost = state === "lost";
  document.body.classList.toggle("lost", lost);
  const banner = byId("banner");
  banner.hidden = !lost;
  banner.textContent = lost ? text("lostBanner", { time: lostAt.toLocaleTimeString(locale(), { hour12: false }) }) : "";
}

whenKeyNeeded(() => (byId("key-form").hidden = false));
byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await unlock(byId("key").value)) location.reload();
  else byId("key-error").textContent = text("keyWrong");
});
byId("language").addEventListener("click", switchLanguage);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement?.tagName !== "INPUT") {
    event.preventDefault();
    byId("ticker").focus();
  }
});
onLanguage(showConnection);
translatePage();
activity.start();
const first = table.rows.keys().next().value;
if (first) choose(first);
