// Every text of the page, in both languages.

const TEXTS = {
  en: {
    skip: "Skip to the prices", prices: "Prices", ticker: "Ticker", add: "Add", price: "Price (KRW)",
    change: "Change", rate: "%", volume: "Volume", bidAsk: "Bid / ask", course: "Course", source: "Source",
    age: "Age", remove: "Remove", candles: "Daily candles", workers: "Workers and brokerages",
    orders: "Orders", events: "What happened", topics: "Subscriptions", gaps: "Data gaps", key: "Key",
    unlock: "Show the prices", other: "한국어",
    connected: "connected", connecting: "connecting …", lost: "connection lost",
    lostBanner: "The connection to the gateway is lost since {time}. The prices below are not current.",
    realtime: "live", rest: "REST", daily_close: "daily close", stale: "stale", halted: "halted",
    waiting: "waiting …", reconnecting: "reconnecting", polling: "polled", unknown: "unknown ticker",
    unavailable: "unavailable", gap: "gap", live: "live",
    badTicker: "A ticker is 6 to 9 digits or capital letters, such as 005930.",
    present: "It is in the table already.", removeOne: "Remove {ticker}", showChart: "Show the candles of {ticker}",
    noCandles: "No daily candles of {ticker} are stored; broker-server collect fetches them.",
    candleNote: "{count} days up to {last}; adjusted for splits. The last bar follows the live price.",
    keyWrong: "The gateway does not know this key.", closeOf: "close of {date}",
    noWorkers: "No worker answers.", noOrders: "No order has changed since the gateway was started.",
    noEvents: "Nothing has happened since the gateway was started.", noTopics: "Nobody has subscribed.",
    environment: "environment", halt: "orders halted", tasks: "tasks", vendor: "brokerage", streams: "live data",
    started: "started", version: "version", subscribed: "subscribed", confirmed: "confirmed", clients: "{count} clients",
    gapNone: "Nothing is collected yet; broker-server collect fetches daily candles.",
    gapSummary: "{complete} of {tickers} tickers are complete up to {day}.",
    gapNoData: "Without any data: {tickers}", gapMissing: "{ticker}: newest {newest}, {age} trading days behind, {count} days missing",
    time: "Time", side: "Side", quantity: "Quantity", state: "State", filled: "Filled", buy: "buy", sell: "sell",
    seconds: "{n} s", minutes: "{n} min", hours: "{n} h", days: "{n} d",
  },
  ko: {
    skip: "시세로 건너뛰기", prices: "시세", ticker: "종목코드", add: "추가", price: "현재가(원)",
    change: "전일 대비", rate: "등락률", volume: "거래량", bidAsk: "매수 / 매도 호가", course: "추이", source: "출처",
    age: "경과", remove: "삭제", candles: "일봉", workers: "워커와 증권사",
    orders: "주문", events: "최근 일어난 일", topics: "구독", gaps: "데이터 공백", key: "키",
    unlock: "시세 보기", other: "English",
    connected: "연결됨", connecting: "연결하는 중 …", lost: "연결 끊김",
    lostBanner: "{time}부터 게이트웨이와 연결이 끊겼습니다. 아래 시세는 현재 값이 아닙니다.",
    realtime: "실시간", rest: "REST", daily_close: "일봉 종가", stale: "오래된 값", halted: "거래정지",
    waiting: "기다리는 중 …", reconnecting: "다시 연결하는 중", polling: "주기적 조회", unknown: "없는 종목",
    unavailable: "조회할 수 없음", gap: "누락", live: "실시간",
    badTicker: "종목코드는 005930처럼 숫자나 영문 대문자 6~9자입니다.",
    present: "이미 표에 있습니다.", removeOne: "{ticker} 삭제", showChart: "{ticker} 일봉 보기",
    noCandles: "{ticker}의 일봉이 없습니다. broker-server collect로 받을 수 있습니다.",
    candleNote: "{last}까지 {count}일, 수정주가. 마지막 봉은 현재가를 따릅니다.",
    keyWrong: "게이트웨이가 모르는 키입니다.", closeOf: "{date} 종가",
    noWorkers: "응답하는 워커가 없습니다.", noOrders: "게이트웨이가 시작된 뒤 바뀐 주문이 없습니다.",
    noEvents: "게이트웨이가 시작된 뒤 일어난 일이 없습니다.", noTopics: "구독한 클라이언트가 없습니다.",
    environment: "환경", halt: "주문 중지", tasks: "작업", vendor: "증권사", streams: "실시간 데이터",
    started: "시작", version: "버전", subscribed: "구독", confirmed: "확인", clients: "클라이언트 {count}개",
    gapNone: "아직 수집한 것이 없습니다. broker-server collect로 일봉을 받을 수 있습니다.",
    gapSummary: "{tickers}개 종목 중 {complete}개가 {day}까지 빠짐없이 있습니다.",
    gapNoData: "데이터가 전혀 없는 종목: {tickers}", gapMissing: "{ticker}: 최근 {newest}, {age}거래일 뒤처짐, {count}일 누락",
    time: "시각", side: "구분", quantity: "수량", state: "상태", filled: "체결", buy: "매수", sell: "매도",
    seconds: "{n}초", minutes: "{n}분", hours: "{n}시간", days: "{n}일",
  },
};

let language = initial();
const listeners = [];

function initial() {
  const kept = localStorage.getItem("language");
  if (kept === "ko" || kept === "en") return kept;
  return navigator.language.startsWith("ko") ? "ko" : "en";
}

export function text(name, values = {}) {
  const found = TEXTS[language][name] ?? name;
  return found.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

export function locale() {
  return language === "ko" ? "ko-KR" : "en-GB";
}

export function onLanguage(listener) {
  listeners.push(listener);
}

export function translatePage() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = text(node.dataset.i18n);
  const button = document.getElementById("language");
  button.textContent = text("other");
  button.lang = language === "ko" ? "en" : "ko";
  for (const listener of listeners) listener();
}

export function switchLanguage() {
  language = language === "ko" ? "en" : "ko";
  localStorage.setItem("language", language);
  translatePage();
}
