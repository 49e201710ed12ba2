// The connection to the gateway: HTTP with a token, and a WebSocket that comes back by itself.

const SILENCE = 45_000; // the gateway pings every 20 s
const LONGEST_PAUSE = 10_000;

let token = sessionStorage.getItem("token");
let onKeyNeeded = () => {};

export function whenKeyNeeded(listener) {
  onKeyNeeded = listener;
}

export async function get(path) {
  const response = await fetch(path, { headers: token ? { "X-Gateway-Token": token } : {} });
  if (response.status === 401) onKeyNeeded();
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

export async function unlock(key) {
  const response = await fetch("/api/token", { method: "POST", headers: { "X-API-Key": key } });
  if (!response.ok) return false;
  token = (await response.json()).token;
  sessionStorage.setItem("token", token);
  return true;
}

export class Socket {
  // Calls `take(message)` for each message, and `changed(state)` with connecting, connected or lost.
  constructor({ take, changed }) {
    this.topics = new Map(); // topic -> {seq, epoch} of what came last
    this.take = take;
    this.changed = changed;
    this.failures = 0;
    this.open();
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

  open() {
    clearTimeout(this.timer);
    this.timer = null;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = token ? `?token=${encodeURIComponent(token)}` : "";
    const socket = (this.socket = new WebSocket(`${scheme}://${location.host}/ws${query}`));
    this.heard = Date.now();
    socket.onopen = () => {
      this.failures = 0;
      for (const [topic, last] of this.topics) {
        this.send(last ? { type: "resume", topic, ...last } : { type: "subscribe", topic });
      }
    };
    socket.onmessage = (event) => {
      this.heard = Date.now();
      const message = JSON.parse(event.data);
      if (message.type === "ping") this.send({ type: "pong" });
      if (message.type === "connected") this.changed("connected");
      this.remember(message);
      this.take(message);
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.changed("lost");
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
    if (this.timer || this.socket.readyState <= WebSocket.OPEN) return;
    this.timer = setTimeout(() => this.open(), pause);
  }

  look() {
    if (this.socket.readyState === WebSocket.OPEN && Date.now() - this.heard > SILENCE) {
      const silent = this.socket;
      this.changed("lost");
      this.open();
      silent.close();
    }
  }
}
