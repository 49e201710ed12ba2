// Puts the page together.

import { ActivityView } from "/page/activity.js";
import { CandleChart } from "/page/chart.js";
import { byId } from "/page/dom.js";
import { Socket, get, unlock, whenLocked } from "/page/gateway.js";
import { OrderBook } from "/page/orderbook.js";
import { PriceTable } from "/page/prices.js";
import { clock } from "/page/time.js";
import { onLanguage, switchLanguage, text, translatePage } from "/page/texts.js";

let state = "connecting";
let lostAt = null;
let expired = false;

const socket = new Socket({ take, changed });
const chart = new CandleChart();
const book = new OrderBook(socket);
const activity = new ActivityView();
const table = new PriceTable(socket, choose);

function take(message) {
  table.take(message);
  chart.take(message);
  book.take(message);
}

function choose(ticker) {
  table.mark(ticker);
  for (const node of document.querySelectorAll(".chosen-ticker")) node.textContent = ticker ?? "";
  chart.show(ticker);
  book.show(ticker);
}

function changed(now) {
  if (now === "lost" && state !== "lost") lostAt = new Date();
  const isBack = now === "connected" && state !== "connected";
  state = now;
  showConnection();
  if (isBack) {
    chart.reload();
    activity.look();
  }
}

function showConnection() {
  const lost = state === "lost";
  const badge = byId("connection");
  badge.textContent = text(state);
  badge.className = `badge ${{ connected: "good", lost: "bad", locked: "bad" }[state] ?? ""}`;
  document.body.classList.toggle("lost", lost || state === "locked");
  document.title = state === "connected" ? text("title") : `${text(state)} – ${text("title")}`;
  const banner = byId("banner");
  const said = lost ? text("lostBanner", { time: clock(lostAt) }) : "";
  if (banner.textContent !== said) banner.textContent = said;
  banner.hidden = !lost;
  byId("key-form").hidden = state !== "locked";
  byId("key-why").textContent = text(expired ? "keyExpired" : "keyNeeded");
}

whenLocked((hadOne) => {
  expired = hadOne;
  state = "locked";
  socket.close();
  showConnection();
  byId("key").focus();
});

byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  let problem = null;
  try {
    if (await unlock(byId("key").value)) {
      byId("key").value = "";
      state = "connecting";
      socket.open();
      activity.look();
    } else problem = "keyWrong";
  } catch {
    problem = "keyUnanswered";
  }
  byId("key-error").textContent = problem ? text(problem) : "";
  showConnection();
});

byId("language").addEventListener("click", switchLanguage);

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement?.tagName === "INPUT") return;
  event.preventDefault();
  byId("ticker").focus();
});

onLanguage(showConnection);
translatePage();
choose(table.rows.keys().next().value ?? null);
// Ask by HTTP first: if a key is needed, the WebSocket would be refused without a reason.
get("/api/activity")
  .then((found) => activity.takeActivity(found))
  .catch(() => {})
  .finally(() => {
    if (state === "connecting") socket.open();
    activity.start();
  });
