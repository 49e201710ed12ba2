// 한국어 문구 전부. texts-en.js와 키가 같습니다.

export const KOREAN = {
  title: "sapi-broker 시세", skip: "시세로 건너뛰기", api: "API", other: "English",
  footer: "모든 시각은 한국 시간(KST)입니다. 시세는 본인만 쓰십시오. 남에게 전달할 수 있는 범위는 증권사 약관에 있습니다.",

  // 연결
  connected: "연결됨", connecting: "연결하는 중 …", lost: "연결 끊김", locked: "키 필요",
  lostBanner: "{time}부터 게이트웨이와 연결이 끊겼습니다. 아래 시세는 현재 값이 아닙니다. 다시 연결하는 중 …",
  key: "키", unlock: "시세 보기", keyNeeded: "이 게이트웨이에는 키가 필요합니다. GATEWAY_API_KEYS 가운데 하나를 넣으십시오.",
  keyExpired: "접속 시간이 지났습니다. 키를 다시 넣으십시오.", keyWrong: "게이트웨이가 모르는 키입니다.",
  keyUnanswered: "게이트웨이가 응답하지 않습니다. 다시 해 보십시오.",

  // 시세
  prices: "시세", ticker: "종목코드", add: "추가", price: "현재가(원)", change: "전일 대비", rate: "등락률", volume: "거래량",
  bidAsk: "매수 / 매도 호가", course: "추이", source: "출처", age: "경과", remove: "삭제",
  keys: "단축키: / 종목 추가, ↑ ↓ 이동, Enter 차트 보기, Delete 삭제",
  emptyList: "종목을 추가하면 시세가 나옵니다.",
  badTicker: "종목코드는 005930처럼 숫자나 영문 대문자 6~9자입니다.", present: "이미 표에 있습니다.",
  added: "{ticker} 추가함", removed: "{ticker} 삭제함", removeOne: "{ticker} 삭제", showChart: "{ticker}: 차트와 호가 보기",
  closeOf: "{date} 종가", stale: "오래된 값", halted: "거래정지",
  source_realtime: "실시간", source_was_realtime: "마지막 실시간", source_rest: "REST", source_daily_close: "일봉 종가",
  row_waiting: "기다리는 중 …", row_live: "실시간", row_polling: "주기적 조회", row_stale: "오래된 값", row_reconnecting: "다시 연결하는 중",
  row_unknown: "없는 종목", row_unavailable: "조회할 수 없음", row_gap: "누락", row_TOO_MANY_TOPICS: "구독이 너무 많음",
  row_INVALID_TOPIC: "종목코드가 아님",
  vendor_kis: "한국투자증권", vendor_kiwoom: "키움증권", vendor_koscom: "코스콤",
  seconds: "{n}초", minutes: "{n}분", hours: "{n}시간", days: "{n}일",

  // 차트와 호가
  candles: "일봉", noneChosen: "고른 종목이 없습니다.",
  noCandles: "{ticker}의 일봉이 없습니다. broker-server collect로 받을 수 있습니다.",
  candlesFailed: "지금은 일봉을 가져올 수 없습니다.",
  candleNote: "{first}부터 {last}까지 {count}일, 최저 {low}, 최고 {high}, 수정주가. 마지막 봉은 현재가를 따릅니다.",
  book: "호가", askQuantity: "매도 잔량", bidQuantity: "매수 잔량",
  bookNote: "{source} · {vendor} · {time}", bookStale: "오래된 값: {source} · {vendor} · {time}",

  // 워커
  workers: "워커와 증권사", noWorkers: "응답하는 워커가 없습니다.",
  noAnswerSince: "응답하는 워커가 없습니다. 아래는 {time}의 상태입니다.",
  silent: "응답 없음", working: "정상", haltedOrders: "{time}부터 주문 중지 ({by})",
  since: "{time}부터 실행 중, 버전 {version}", tasksDone: "작업 {count}건 완료", tasksFailed: "{count}건 실패",
  tasksWaiting: "{count}건 대기", lostMessages: "메시지 {count}건을 전달하지 못함",
  liveIdle: "실시간 데이터: 지금은 필요 없음", liveState: "실시간 데이터: {state}",
  session_connected: "연결됨", session_connecting: "연결하는 중", session_waiting: "다시 연결하기를 기다리는 중",
  session_refused: "증권사가 거절함", session_stopped: "멈춤",
  slots: "실시간 구독 {capacity}개 중 {used}개 사용", slotsOpen: "실시간 구독 {used}개 사용",
  unconfirmed: "구독 {count}개 확인 대기", polled: "{count}개는 실시간 대신 주기적 조회",
  silentStreams: "실시간 데이터 {count}개에 새 값이 없음", rateLimit: "초당 최대 {limit}회 호출", rateWaiting: "{count}회 대기 중",
  token_none: "아직 로그인하지 않음", token_expired: "로그인이 만료됨", noOrderAccount: "계좌 없음: 주문 불가",
  away: "지금 담당하는 워커가 없어 작업이 기다립니다",
  environment_simulated: "시뮬레이션", environment_paper: "모의투자", environment_real: "실전", environment_mock: "모의투자",
  server_simulator: "시뮬레이터", server_paper: "모의투자", server_mock: "모의투자", server_real: "실전",
  host_CONNECTING: "로그인하는 중", host_READY: "준비됨", host_LOGIN_REQUIRED: "로그인이 필요함",
  host_UPDATE_PENDING: "업데이트 대기", host_ACCOUNT_PASSWORD_NOT_SET: "계좌 비밀번호가 등록되지 않음",
  host_OVERLOADED: "조회가 많아 거절됨", host_CONNECTION_LOST: "연결 끊김",
  host_CONTROL_FAILED: "컨트롤 오류", host_STOPPED: "멈춤",

  // 주문, 일어난 일, 구독
  orders: "주문", noOrders: "주문이 없습니다.", time: "시각", side: "구분", quantity: "수량", orderPrice: "가격",
  filled: "체결", state: "상태", events: "최근 일어난 일", noEvents: "게이트웨이가 시작된 뒤 일어난 일이 없습니다.",
  action_buy: "매수", action_sell: "매도", action_modify: "정정", action_cancel: "취소",
  type_market: "시장가", type_limit: "지정가",
  order_RECEIVED: "접수 전", order_REFUSED: "거절", order_SENDING: "보내는 중", order_ACCEPTED: "접수",
  order_REJECTED: "증권사 거부", order_UNKNOWN: "결과 모름", order_NOT_SENT: "보내지 않음",
  order_working: "미체결", order_partially_filled: "일부 체결", order_filled: "체결", order_cancelled: "취소됨",
  order_rejected_by_exchange: "거래소 거부",
  event_order: "{vendor} 주문, {ticker} {quantity}주 {what}: {state}", event_worker: "워커 {worker}: {state}",
  event_stream: "{vendor} 실시간 데이터 {key}: {state}", event_subscription: "{vendor} 구독 {key}: {state}",
  event_live: "{vendor} 실시간 연결: {state}", event_amqp: "워커 {worker}의 RabbitMQ 연결: {state}",
  event_host: "{vendor}: {state}",
  worker_started: "시작됨", worker_stopping: "멈추는 중",
  stream_interrupted: "끊김", stream_live: "다시 실시간", stream_stale: "새 값 없음", stream_polling: "주기적 조회", stream_refused: "거절됨",
  subscription_polling: "주기적 조회", subscription_suspended: "일시 중지", subscription_resumed: "다시 시작", subscription_dropped: "끝남",
  connection_lost: "끊김", connection_restored: "다시 연결됨", connection_failing: "계속 실패함", connection_back: "다시 연결됨",
  topics: "구독", noTopics: "구독한 클라이언트가 없습니다.", oneClient: "클라이언트 1개", clients: "클라이언트 {count}개",
  topic_price: "현재가", topic_orderbook: "호가", topic_trade: "체결",

  tasks: "최근 작업", noTasks: "끝난 작업이 아직 없습니다.", method: "메서드", taken: "걸린 시간", outcome: "결과",
  taskDone: "완료", taskFailed: "실패", tookSeconds: "{n}초",

  // 데이터 공백
  gaps: "데이터 공백", gapNone: "아직 수집한 것이 없습니다. broker-server collect로 일봉을 받을 수 있습니다.",
  gapSummary: "{tickers}개 종목 중 {complete}개가 {day}까지 빠짐없이 있습니다.", gapNoData: "데이터가 전혀 없는 종목: {tickers}",
  gapNewest: "최근 {newest}", gapBehindOne: "1거래일 뒤처짐", gapBehind: "{age}거래일 뒤처짐",
  gapMissingOne: "1일 누락({days})", gapMissing: "{count}일 누락({days})", andMore: "외 {count}개",

  // API 문서
  docsTitle: "sapi-broker API", docsPrices: "시세", docsFile: "OpenAPI 문서", docsFailed: "OpenAPI 문서를 읽을 수 없습니다.",
  docsSocket: "WebSocket", docsParameters: "매개변수", docsAnswers: "응답", docsName: "이름", docsKind: "형식", docsMeaning: "뜻",
  docsRequired: "필수", docsTry: "해 보기:",
};
