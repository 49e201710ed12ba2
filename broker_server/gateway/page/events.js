// What broker.events tells, in words.

import { make } from "/page/dom.js";
import { figure } from "/page/numbers.js";
import { text, word } from "/page/texts.js";

export function orderState(order) {
  return word("order", order.status ?? order.state ?? "");
}

// The parts of a line: a sentence, and the reason in the words of whoever gave it.
export function eventLine(event) {
  const parts = [sentence(event)];
  if (event.alarm) parts.push(make("strong", { class: "why", lang: "en" }, event.alarm));
  if (event.reason) parts.push(make("span", { class: "why", lang: "en" }, event.reason));
  return parts;
}

function sentence(event) {
  const values = {
    worker: event.worker ?? "", vendor: word("vendor", event.vendor ?? ""), key: event.key ?? "", state: event.state ?? "",
  };
  switch (event.type) {
    case "worker":
    case "stream":
    case "subscription":
      return text(`event_${event.type}`, { ...values, state: word(event.type, event.state) });
    case "connection":
      return text(event.vendor ? "event_live" : "event_amqp", { ...values, state: word("connection", event.state) });
    case "host":
      return text("event_host", { ...values, state: word("host", event.state) });
    case "order":
      return text("event_order", {
        ...values, ticker: event.ticker ?? "", what: word("action", event.action ?? event.side ?? ""),
        quantity: figure(event.quantity), state: orderState(event),
      });
    default:
      return [event.type, values.vendor, values.worker, event.state].filter(Boolean).join(" · ");
  }
}
