// The connection to the gateway: HTTP with a token, and a WebSocket that comes back by itself.

import { takeServerTime } from "/page/time.js";

const SILENCE = 45_000; // the gateway pings every 20 s
const LONGEST_PAUSE = 10_000;

let token = keptToken();
let locked = false;
let onLock = () => {};

// Calls the listener with whether there was a key before when the gateway asks for one.
export function whenLocked(listener) {
  onLock = listener;
}

export async function get(path) {
  if (locked) throw new Error("a key is needed");
  const sent = token;
  const response = await fetch(path, { headers: sent ? { "X-Gateway-Token": sent } : {} });
  takeServerTime(response.headers.get("Date"));
  if (response.status === 401 && sent === token && !locked) {
    locked = true;
    onLock(Boolean(sent));
  }
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

// Whether the gateway knows the key. Throws when it does not answer.
export async function unlock(key) {
  const response = await fetch("/api/token", { method: "POST", headers: { "X-API-Key": key } });
  if (response.status === 401) return false;
  if (!response.ok) throw new Error(`/api/token: ${response.status}`);
  token = (await response.json()).token;
  locked = false;
  try {
    sessionStorage.setItem("token", token);
  } catch {
    // It is asked for again when the page is loaded again.
  }
  return true;
}

function keptToken() {
  try {
    return sessionStorage.getItem("token");
  } catch {
    return null;
  }
}

export class Socket {
  // Calls `take(message)` for each message, and `changed(state)` with connected or lost.
  constructor({ take, changed }) {
    this.topics = new Map(); // topic -> {seq, epoch} of what came last
    this.take = take;
    this.changed = changed;
    this.failures = 0;
    this.timer = null;
    this.socket = null;
    setInterval(() => this.look(), 1000);
    addEventListener("online", () => this.again(0));
  }

  subscribe(topic) {
    this.topics.set(topic, null);
    this.send({ type: "subscribe", topic });
  }

  unsubscribe(topic) {
    this.topics.delete(topic);
    this.send({ type: "unsubscribe", topic });
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  open() {
    this.close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = token ? `?token=${encodeURIComponent(token)}` : "";
    const socket = (this.socket = new WebSocket(`${scheme}://${location.host}/ws${query}`));
    this.heard = Date.now();
    socket.onopen = () => {
      for (const [topic, last] of this.topics) {
        this.send(last ? { type: "resume", topic, ...last } : { type: "subscribe", topic });
      }
    };
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.heard = Date.now();
      const message = JSON.parse(event.data);
      if (message.type === "ping") this.send({ type: "pong" });
      if (message.type === "connected") {
        this.failures = 0;
        this.changed("connected");
      }
      this.remember(message);
      this.take(message);
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.changed("lost");
      // A browser does not tell why; HTTP does, if it is for want of a key.
      get("/api/activity").catch(() => {});
      this.again(Math.min(LONGEST_PAUSE, 500 * 2 ** this.failures++));
    };
  }

  remember(message) {
    if (message.type === "status" && this.topics.has(message.topic)) {
      const last = this.topics.get(message.topic);
      if (last?.epoch !== message.epoch) this.topics.set(message.topic, { epoch: message.epoch, seq: 0 });
    }
    if (message.seq === undefined || !message.ticker) return;
    const subject = message.venue === "KRX" ? message.ticker : `${message.ticker}.${message.venue}`;
    const kind = { price_update: "price", orderbook_update: "orderbook", trade: "trade" }[message.type];
    const last = this.topics.get(`${kind}:${subject}`);
    if (last) last.seq = message.seq;
  }

  again(pause) {
    if (!this.socket || this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), pause);
  }

  look() {
    if (this.socket?.readyState === WebSocket.OPEN && Date.now() - this.heard > SILENCE) {
      this.changed("lost");
      this.open();
    }
  }
}
