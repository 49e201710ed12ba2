"""The methods of each vendor by name. Generated from the method registry: see `make generated`."""

from broker_client.verbs import AnswerT, StreamT, Verbs


class BrokerMethods(Verbs[AnswerT, StreamT]):
    _methods = {
        "cancel_all_orders": "broker.cancel-all-orders",
        "drop_subscription": "broker.drop-subscription",
        "get_order": "broker.get-order",
        "get_status": "broker.get-status",
        "halt_orders": "broker.halt-orders",
        "list_methods": "broker.list-methods",
        "list_orders": "broker.list-orders",
        "list_subscriptions": "broker.list-subscriptions",
        "ping": "broker.ping",
        "resolve_order": "broker.resolve-order",
        "resume_orders": "broker.resume-orders",
    }


class KisMethods(Verbs[AnswerT, StreamT]):
    _methods = {
        "buy_order": "kis.buy-order",
        "buy_overseas_order": "kis.buy-overseas-order",
        "call": "kis.call",
        "call_cancel": "kis.call-cancel",
        "call_order": "kis.call-order",
        "cancel_order": "kis.cancel-order",
        "cancel_overseas_order": "kis.cancel-overseas-order",
        "describe_api": "kis.describe-api",
        "get_balance": "kis.get-balance",
        "get_buyable_amount": "kis.get-buyable-amount",
        "get_current_price": "kis.get-current-price",
        "get_daily_candles": "kis.get-daily-candles",
        "get_minute_candles": "kis.get-minute-candles",
        "get_open_orders": "kis.get-open-orders",
        "get_order_book": "kis.get-order-book",
        "get_order_history": "kis.get-order-history",
        "get_overseas_balance": "kis.get-overseas-balance",
        "get_overseas_buyable_amount": "kis.get-overseas-buyable-amount",
        "get_overseas_daily_candles": "kis.get-overseas-daily-candles",
        "get_overseas_open_orders": "kis.get-overseas-open-orders",
        "get_overseas_order_book": "kis.get-overseas-order-book",
        "get_overseas_order_history": "kis.get-overseas-order-history",
        "get_overseas_price": "kis.get-overseas-price",
        "get_stock_info": "kis.get-stock-info",
        "modify_order": "kis.modify-order",
        "modify_overseas_order": "kis.modify-overseas-order",
        "sell_order": "kis.sell-order",
        "sell_overseas_order": "kis.sell-overseas-order",
        "subscribe": "kis.subscribe",
        "subscribe_executions": "kis.subscribe-executions",
        "subscribe_order_book": "kis.subscribe-order-book",
        "subscribe_overseas_order_book": "kis.subscribe-overseas-order-book",
        "subscribe_overseas_price": "kis.subscribe-overseas-price",
        "subscribe_realtime_price": "kis.subscribe-realtime-price",
        "unsubscribe": "kis.unsubscribe",
        "unsubscribe_executions": "kis.unsubscribe-executions",
        "unsubscribe_order_book": "kis.unsubscribe-order-book",
        "unsubscribe_overseas_order_book": "kis.unsubscribe-overseas-order-book",
        "unsubscribe_overseas_price": "kis.unsubscribe-overseas-price",
        "unsubscribe_realtime_price": "kis.unsubscribe-realtime-price",
    }


class KiwoomMethods(Verbs[AnswerT, StreamT]):
    _methods = {
        "get_stock_codes": "get-stock-codes",
        "get_stock_name": "get-stock-name",
        "get_stock_states": "get-stock-states",
        "buy_order": "kiwoom.buy-order",
        "cancel_order": "kiwoom.cancel-order",
        "describe_api": "kiwoom.describe-api",
        "get_balance": "kiwoom.get-balance",
        "get_current_price": "kiwoom.get-current-price",
        "get_daily_candles": "kiwoom.get-daily-candles",
        "get_minute_candles": "kiwoom.get-minute-candles",
        "get_open_orders": "kiwoom.get-open-orders",
        "get_order_book": "kiwoom.get-order-book",
        "get_order_history": "kiwoom.get-order-history",
        "get_stock_info": "kiwoom.get-stock-info",
        "modify_order": "kiwoom.modify-order",
        "request_tr": "kiwoom.request-tr",
        "sell_order": "kiwoom.sell-order",
        "subscribe": "kiwoom.subscribe",
        "subscribe_executions": "kiwoom.subscribe-executions",
        "subscribe_order_book": "kiwoom.subscribe-order-book",
        "subscribe_realtime_price": "kiwoom.subscribe-realtime-price",
        "unsubscribe": "kiwoom.unsubscribe",
        "unsubscribe_executions": "kiwoom.unsubscribe-executions",
        "unsubscribe_order_book": "kiwoom.unsubscribe-order-book",
        "unsubscribe_realtime_price": "kiwoom.unsubscribe-realtime-price",
        "request_day_candle": "request-day-candle",
        "request_minute_candle": "request-minute-candle",
        "request_offer_price_info": "request-offer-price-info",
        "request_offhour_single_trade_info": "request-offhour-single-trade-info",
        "request_short_trend": "request-short-trend",
        "request_upper_and_low": "request-upper-and-low",
        "subscribe_realtime": "subscribe-realtime",
        "unsubscribe_realtime": "unsubscribe-realtime",
    }


class KoscomMethods(Verbs[AnswerT, StreamT]):
    _methods = {
        "get_current_price": "koscom.get-current-price",
        "get_daily_candles": "koscom.get-daily-candles",
        "get_intraday_candles": "koscom.get-intraday-candles",
        "get_order_book": "koscom.get-order-book",
        "query": "koscom.query",
        "subscribe": "koscom.subscribe",
        "subscribe_market": "koscom.subscribe-market",
        "unsubscribe": "koscom.unsubscribe",
        "unsubscribe_market": "koscom.unsubscribe-market",
    }
