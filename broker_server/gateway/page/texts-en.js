// Every text of the page in English; texts-ko.js has the same keys.

export const ENGLISH = {
  title: "sapi-broker prices", skip: "Skip to the prices", api: "API", other: "한국어",
  footer: "All times are Korea's (KST). Quotes are for your own use: the brokerages' terms say what may be passed on.",

  // The connection
  connected: "connected", connecting: "connecting …", lost: "connection lost", locked: "key needed",
  lostBanner: "The connection to the gateway is lost since {time}. The prices below are not current. Trying again …",
  key: "Key", unlock: "Show the prices", keyNeeded: "This gateway needs a key, one of GATEWAY_API_KEYS.",
  keyExpired: "The access has expired. Enter the key again.", keyWrong: "The gateway does not know this key.",
  keyUnanswered: "The gateway does not answer. Try again.",

  // Prices
  prices: "Prices", ticker: "Ticker", add: "Add", price: "Price (KRW)", change: "Change", rate: "%", volume: "Volume",
  bidAsk: "Bid / ask", course: "Course", source: "Source", age: "Age", remove: "Remove",
  keys: "Keys: / adds a ticker, ↑ ↓ move, Enter shows its chart, Delete removes it.",
  emptyList: "Add a ticker to see its price.",
  badTicker: "A ticker is 6 to 9 digits or capital letters, such as 005930.", present: "It is in the table already.",
  added: "{ticker} added", removed: "{ticker} removed", removeOne: "Remove {ticker}", showChart: "{ticker}: show chart and order book",
  closeOf: "close of {date}", stale: "stale", halted: "trading halted",
  source_realtime: "live", source_was_realtime: "last live", source_rest: "REST", source_daily_close: "daily close",
  row_waiting: "waiting …", row_live: "live", row_polling: "polled", row_stale: "stale", row_reconnecting: "reconnecting",
  row_unknown: "unknown ticker", row_unavailable: "unavailable", row_gap: "gap", row_TOO_MANY_TOPICS: "too many subscriptions",
  row_INVALID_TOPIC: "no valid ticker",
  vendor_kis: "KIS", vendor_kiwoom: "Kiwoom", vendor_koscom: "KOSCOM",
  seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} d",

  // Chart and order book
  candles: "Daily candles", noneChosen: "No ticker is chosen.",
  noCandles: "No daily candles of {ticker} are stored; broker-server collect fetches them.",
  candlesFailed: "The candles cannot be had now.",
  candleNote: "{count} days from {first} to {last}, low {low}, high {high}, adjusted for splits. The last bar follows the live price.",
  book: "Order book", askQuantity: "Ask quantity", bidQuantity: "Bid quantity",
  bookNote: "{source} · {vendor} · {time}", bookStale: "Stale: {source} · {vendor} · {time}",

  // Workers
  workers: "Workers and brokerages", noWorkers: "No worker answers.",
  noAnswerSince: "No worker answers. This is how they were at {time}.",
  silent: "does not answer", working: "working", haltedOrders: "orders halted since {time} by {by}",
  since: "running since {time}, version {version}", tasksDone: "tasks: {count} done", tasksFailed: "{count} failed",
  tasksWaiting: "{count} waiting", lostMessages: "messages not delivered: {count}",
  liveIdle: "live data: not needed now", liveState: "live data: {state}",
  session_connected: "connected", session_connecting: "connecting", session_waiting: "waiting to connect again",
  session_refused: "refused by the brokerage", session_stopped: "stopped",
  slots: "live subscriptions: {used} of {capacity}", slotsOpen: "live subscriptions: {used}",
  unconfirmed: "not confirmed yet: {count}", polled: "polled instead of live: {count}",
  silentStreams: "live but silent: {count}", rateLimit: "up to {limit} calls a second", rateWaiting: "{count} waiting",
  token_none: "not logged in yet", token_expired: "the login has expired", noOrderAccount: "no account: no orders",
  away: "no worker serves it now; its tasks wait",
  environment_simulated: "simulated", environment_paper: "paper trading", environment_real: "real", environment_mock: "mock trading",
  server_simulator: "simulator", server_paper: "paper trading", server_mock: "mock trading", server_real: "real",
  host_CONNECTING: "logging in", host_READY: "ready", host_LOGIN_REQUIRED: "somebody has to log in",
  host_UPDATE_PENDING: "an update is waiting", host_ACCOUNT_PASSWORD_NOT_SET: "the account's password is not registered",
  host_OVERLOADED: "refuses queries for their number", host_CONNECTION_LOST: "connection lost",
  host_CONTROL_FAILED: "the control has failed", host_STOPPED: "stopped",

  // Orders, events, subscriptions
  orders: "Orders", noOrders: "There are no orders.", time: "Time", side: "Side", quantity: "Quantity", orderPrice: "Price",
  filled: "Filled", state: "State", events: "What happened", noEvents: "Nothing has happened since the gateway was started.",
  action_buy: "buy", action_sell: "sell", action_modify: "change", action_cancel: "cancel",
  type_market: "market", type_limit: "limit",
  order_RECEIVED: "received", order_REFUSED: "refused", order_SENDING: "being sent", order_ACCEPTED: "accepted",
  order_REJECTED: "rejected by the brokerage", order_UNKNOWN: "outcome unknown", order_NOT_SENT: "not sent",
  order_working: "working", order_partially_filled: "partially filled", order_filled: "filled", order_cancelled: "cancelled",
  order_rejected_by_exchange: "rejected by the exchange",
  event_order: "{vendor} order, {what} {quantity} {ticker}: {state}", event_worker: "Worker {worker} {state}",
  event_stream: "{vendor} live data of {key}: {state}", event_subscription: "{vendor} subscription to {key}: {state}",
  event_live: "{vendor} live connection: {state}", event_amqp: "Worker {worker}, connection to RabbitMQ: {state}",
  event_host: "{vendor}: {state}",
  worker_started: "has started", worker_stopping: "is stopping",
  stream_interrupted: "interrupted", stream_live: "live again", stream_stale: "silent", stream_polling: "polled", stream_refused: "refused",
  subscription_polling: "polled", subscription_suspended: "suspended", subscription_resumed: "resumed", subscription_dropped: "ended",
  connection_lost: "lost", connection_restored: "restored", connection_failing: "fails again and again", connection_back: "works again",
  topics: "Subscriptions", noTopics: "Nobody has subscribed.", oneClient: "1 client", clients: "{count} clients",
  topic_price: "price", topic_orderbook: "order book", topic_trade: "trades",

  tasks: "Recent tasks", noTasks: "No task has been finished yet.", method: "Method", taken: "Took", outcome: "Outcome",
  taskDone: "done", taskFailed: "failed", tookSeconds: "{n} s",

  // Data gaps
  gaps: "Data gaps", gapNone: "Nothing is collected yet; broker-server collect fetches daily candles.",
  gapSummary: "{complete} of {tickers} tickers are complete up to {day}.", gapNoData: "Without any data: {tickers}",
  gapNewest: "newest {newest}", gapBehindOne: "1 trading day behind", gapBehind: "{age} trading days behind",
  gapMissingOne: "1 day missing ({days})", gapMissing: "{count} days missing ({days})", andMore: "and {count} more",

  // The page of the API
  docsTitle: "sapi-broker API", docsPrices: "Prices", docsFile: "OpenAPI document", docsFailed: "The OpenAPI document cannot be read.",
  docsSocket: "WebSocket", docsParameters: "Parameters", docsAnswers: "Answers", docsName: "name", docsKind: "type", docsMeaning: "meaning",
  docsRequired: "required", docsTry: "Try it:",
};
