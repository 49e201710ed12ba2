"""The methods of each vendor by name. Generated from the method registry: see `make generated`."""

import datetime
from decimal import Decimal
from typing import Any, Literal

from broker_client.base_stream import StatusCallback
from broker_client.verbs import AnswerT, StreamT, Verbs

class BrokerMethods(Verbs[AnswerT, StreamT]):
    def cancel_all_orders(
        self,
        *,
        vendor: str = 'kis',
        account: str | None = None,
        ticker: str | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Cancel every order of an account that is open at the brokerage; halt first, or orders that still wait are sent after it.

        Method ``broker.cancel-all-orders``.

        Args:
            vendor: Whose.
            account: The alias of the account; every account of the vendor, whichever worker owns it, when left out.
            ticker: Only of that instrument.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def drop_subscription(
        self,
        *,
        task_id: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""End every subscription of a task, whoever started it.

        Method ``broker.drop-subscription``.

        Args:
            task_id: Of the task that subscribed.
            timeout: Seconds; the client's, if absent.
        """

    def get_order(
        self,
        *,
        task_id: str | None = None,
        order_no: str | None = None,
        vendor: str | None = None,
        market: str | None = None,
        account: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Show what became of an order, with every step of it.

        Method ``broker.get-order``.

        Args:
            task_id: The task that asked for it.
            order_no: The brokerage's number; the newest order of that number. Each market of each vendor numbers its own orders: where several have that number, name the vendor, the account and the market.
            vendor: Whose order it is.
            market: Only of that market, such as ``domestic`` or ``overseas``.
            account: Only of that account, by its alias.
            timeout: Seconds; the client's, if absent.
        """

    def get_status(
        self,
        *,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Show what each worker serves, has done and is waiting for, and whether orders are halted.

        Method ``broker.get-status``.

        Args:
            timeout: Seconds; the client's, if absent.
        """

    def halt_orders(
        self,
        *,
        reason: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Let no worker send another order, cancels excepted, until orders are resumed.

        Method ``broker.halt-orders``.

        Args:
            reason: Why, for whoever finds orders halted or resumed.
            timeout: Seconds; the client's, if absent.
        """

    def list_methods(
        self,
        *,
        pattern: str = '',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""List the methods that this worker serves, with the schema of their parameters.

        Method ``broker.list-methods``.

        Args:
            pattern: Only names that contain this text.
            timeout: Seconds; the client's, if absent.
        """

    def list_orders(
        self,
        *,
        vendor: str | None = None,
        account: str | None = None,
        ticker: str | None = None,
        state: Literal['RECEIVED', 'REFUSED', 'SENDING', 'ACCEPTED', 'REJECTED', 'UNKNOWN', 'NOT_SENT'] | None = None,
        open: bool = False,
        day: str | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""List the orders that the journal has, newest first.

        Method ``broker.list-orders``.

        Args:
            vendor: Only of that vendor.
            account: Only of that account, by its alias.
            ticker: Only of that instrument.
            state: Only in that state.
            open: Only those that may still change: not settled, or not filled to the end.
            day: Only of that day in Korea, ISO 8601.
            limit: At most so many, 1 to 1,000.
            timeout: Seconds; the client's, if absent.
        """

    def list_subscriptions(
        self,
        *,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""List every subscription, how it is served and where its messages go.

        Method ``broker.list-subscriptions``.

        Args:
            timeout: Seconds; the client's, if absent.
        """

    def ping(
        self,
        *,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Answer at once with the worker's clock and name.

        Method ``broker.ping``.

        Args:
            timeout: Seconds; the client's, if absent.
        """

    def resolve_order(
        self,
        *,
        task_id: str,
        state: Literal['ACCEPTED', 'REJECTED', 'NOT_SENT'],
        reason: str,
        order_no: str | None = None,
        vendor: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Settle an order of unknown outcome by hand.

        Method ``broker.resolve-order``.

        Args:
            task_id: The task that asked for it.
            state: What the brokerage says became of it.
            reason: How you know; kept in the journal.
            order_no: The brokerage's number; needed for ``ACCEPTED``.
            vendor: Whose order it is; needed only where several workers were given that task_id.
            timeout: Seconds; the client's, if absent.
        """

    def resume_orders(
        self,
        *,
        reason: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Let the workers send orders again.

        Method ``broker.resume-orders``.

        Args:
            reason: Why, for whoever finds orders halted or resumed.
            timeout: Seconds; the client's, if absent.
        """


class KisMethods(Verbs[AnswerT, StreamT]):
    def buy_order(
        self,
        *,
        ticker: str,
        quantity: int,
        price: int | None = None,
        order_type: Literal['limit', 'market', 'conditional_limit', 'best', 'priority', 'limit_ioc', 'limit_fok', 'market_ioc', 'market_fok', 'best_ioc', 'best_fok', 'after_market_limit', 'after_market_limit_ioc', 'after_market_limit_fok', 'after_market_best', 'after_market_best_ioc', 'after_market_best_fok', 'after_market_priority'] | None = None,
        exchange: Literal['KRX', 'NXT', 'SOR'] = 'KRX',
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Buy a domestic stock.

        Method ``kis.buy-order``.

        Args:
            ticker: The instrument.
            quantity: Shares.
            price: Won per share, for the order types that have a limit.
            order_type: ``limit`` when a price is given. An order without a price must say what it is, for example ``market``: a forgotten price is refused.
            exchange: Where it goes.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def buy_overseas_order(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'],
        quantity: int,
        price: str | Decimal | None = None,
        order_type: Literal['limit', 'limit_on_open', 'limit_on_close', 'market_on_open', 'market_on_close', 'odd_lot'] | None = None,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Buy an overseas stock.

        Method ``kis.buy-overseas-order``.

        Args:
            ticker: The symbol.
            exchange: Where it is listed.
            quantity: Shares.
            price: In the instrument's currency, as decimal text.
            order_type: ``limit`` when a price is given; overseas exchanges take no plain market order.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def call(
        self,
        *,
        api: str,
        arguments: dict[str, str] = ...,
        all_pages: bool = False,
        raw: bool = False,
        account: str = 'default',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Any REST API of KIS by name, orders excepted.

        Method ``kis.call``.

        Args:
            api: The name of the API, such as ``domestic_stock.inquire_price``; ``broker-server methods --apis`` lists them.
            arguments: By KIS's names in snake case, each value a text: ``{"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"}``. The account comes from the settings.
            all_pages: Read on to the last page.
            raw: Answer with KIS's documents, one for each page, instead of their rows.
            account: The alias of the account: its key asks, and its number is added where the API takes one.
            timeout: Seconds; the client's, if absent.
        """

    def call_cancel(
        self,
        *,
        api: str,
        arguments: dict[str, str] = ...,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Cancel an order or a reservation by any order API of KIS.

        Method ``kis.call-cancel``.

        Args:
            api: The name of the API, such as ``domestic_stock.order_cash``.
            arguments: By KIS's names in snake case, each value a text. The account comes from the settings.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def call_order(
        self,
        *,
        api: str,
        arguments: dict[str, str] = ...,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Place or change an order by any order API of KIS.

        Method ``kis.call-order``.

        Args:
            api: The name of the API, such as ``domestic_stock.order_cash``.
            arguments: By KIS's names in snake case, each value a text. The account comes from the settings.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def cancel_order(
        self,
        *,
        order_no: str | None = None,
        order_task_id: str | None = None,
        account: str = 'default',
        quantity: int | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Cancel an open domestic order.

        Method ``kis.cancel-order``.

        Args:
            order_no: Of the order, as its receipt said.
            order_task_id: The task_id of the task that placed it.
            account: The alias of the account.
            quantity: How many of the open shares; all of them when left out.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def cancel_overseas_order(
        self,
        *,
        order_no: str | None = None,
        order_task_id: str | None = None,
        account: str = 'default',
        quantity: int | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Cancel an open overseas order.

        Method ``kis.cancel-overseas-order``.

        Args:
            order_no: Of the order, as its receipt said.
            order_task_id: The task_id of the task that placed it.
            account: The alias of the account.
            quantity: How many of the open shares; all of them when left out.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def describe_api(
        self,
        *,
        api: str | None = None,
        pattern: str = '',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""List the REST APIs of KIS, or explain the arguments of one.

        Method ``kis.describe-api``.

        Args:
            api: One of them in full.
            pattern: Those whose name, Korean title, path or TR id contains this text, a line each; all of them without it.
            timeout: Seconds; the client's, if absent.
        """

    def get_balance(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Cash and domestic positions of the account.

        Method ``kis.get-balance``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
        """

    def get_buyable_amount(
        self,
        *,
        ticker: str,
        raw: bool = False,
        account: str = 'default',
        price: int | None = None,
        order_type: Literal['limit', 'market', 'conditional_limit', 'best', 'priority', 'limit_ioc', 'limit_fok', 'market_ioc', 'market_fok', 'best_ioc', 'best_fok', 'after_market_limit', 'after_market_limit_ioc', 'after_market_limit_fok', 'after_market_best', 'after_market_best_ioc', 'after_market_best_fok', 'after_market_priority'] | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""How much of a domestic stock the account can buy.

        Method ``kis.get-buyable-amount``.

        Args:
            ticker: The instrument, whose margin rate counts.
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            price: Won per share; left out, the quantity is what KIS counts at the price of a market order, which is the upper limit.
            order_type: ``limit`` when a price is given, else ``market``.
            timeout: Seconds; the client's, if absent.
        """

    def get_current_price(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The last price of a domestic stock, with today's open, high, low and volume.

        Method ``kis.get-current-price``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            timeout: Seconds; the client's, if absent.
        """

    def get_daily_candles(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        interval: Literal['day', 'week', 'month', 'year'] = 'day',
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        adjusted: bool = True,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Daily, weekly, monthly or yearly candles of a domestic stock, oldest first.

        Method ``kis.get-daily-candles``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            interval: What one candle covers.
            start: The first day; left out, about a hundred candles before ``end``.
            end: The last day; today in Korea when left out.
            adjusted: Prices adjusted for splits and rights.
            timeout: Seconds; the client's, if absent.
        """

    def get_minute_candles(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        interval: Literal['minute'] = 'minute',
        date: datetime.date | str | None = None,
        start: datetime.time | str | None = None,
        end: datetime.time | str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""One-minute candles of one day of a domestic stock, oldest first.

        Method ``kis.get-minute-candles``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            interval: One minute is what KIS gives.
            date: The day; today in Korea when left out. Paper trading has today only.
            start: From this time of day, ``09:00``.
            end: Up to this time of day.
            timeout: Seconds; the client's, if absent.
        """

    def get_open_orders(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        ticker: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Domestic orders that can still be filled, changed or cancelled.

        Method ``kis.get-open-orders``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            ticker: Only this instrument.
            timeout: Seconds; the client's, if absent.
        """

    def get_order_book(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Ten levels of bids and asks of a domestic stock.

        Method ``kis.get-order-book``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            timeout: Seconds; the client's, if absent.
        """

    def get_order_history(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        ticker: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Domestic orders of a period with their fills, newest first.

        Method ``kis.get-order-history``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            start: The first day; today in Korea when left out.
            end: The last day; today in Korea when left out.
            ticker: Only this instrument.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_balance(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'] | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Overseas positions of the account, by default the American ones.

        Method ``kis.get-overseas-balance``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            exchange: One exchange; all American ones when left out.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_buyable_amount(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'],
        price: str | Decimal,
        raw: bool = False,
        account: str = 'default',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""How much of an overseas stock the account can buy at a price.

        Method ``kis.get-overseas-buyable-amount``.

        Args:
            ticker: The symbol.
            exchange: Where it is listed.
            price: As decimal text.
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_daily_candles(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'],
        raw: bool = False,
        interval: Literal['day', 'week', 'month'] = 'day',
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        adjusted: bool = True,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Daily, weekly or monthly candles of an overseas stock, oldest first.

        Method ``kis.get-overseas-daily-candles``.

        Args:
            ticker: Its symbol.
            exchange: Where it is listed.
            raw: Add the vendor's own row to each result.
            interval: What one candle covers.
            start: The first day; left out, about a hundred candles before ``end``.
            end: The last day; today at the exchange when left out.
            adjusted: Prices adjusted for splits and rights.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_open_orders(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'] | None = None,
        ticker: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Overseas orders that can still be filled, by default the American ones.

        Method ``kis.get-overseas-open-orders``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            exchange: One exchange; all American ones when left out.
            ticker: Only this symbol.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_order_book(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'],
        raw: bool = False,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Bids and asks of an overseas stock.

        Method ``kis.get-overseas-order-book``.

        Args:
            ticker: Its symbol.
            exchange: Where it is listed.
            raw: Add the vendor's own row to each result.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_order_history(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'] | None = None,
        ticker: str | None = None,
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Overseas orders of a period with their fills, newest first.

        Method ``kis.get-overseas-order-history``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            exchange: Only this exchange; all of them when left out.
            ticker: Only this symbol.
            start: The first day; left out, today at the exchange, or ``end`` if that is earlier. Without an exchange it is the earliest today of all of them, which is New York's.
            end: The last day; left out, today at the exchange, or the latest today of all of them.
            timeout: Seconds; the client's, if absent.
        """

    def get_overseas_price(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'],
        raw: bool = False,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The last price of an overseas stock.

        Method ``kis.get-overseas-price``.

        Args:
            ticker: Its symbol.
            exchange: Where it is listed.
            raw: Add the vendor's own row to each result.
            timeout: Seconds; the client's, if absent.
        """

    def get_stock_info(
        self,
        *,
        ticker: str,
        raw: bool = False,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Name, market and state of a domestic stock.

        Method ``kis.get-stock-info``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            timeout: Seconds; the client's, if absent.
        """

    def modify_order(
        self,
        *,
        order_no: str | None = None,
        order_task_id: str | None = None,
        account: str = 'default',
        price: int | None = None,
        quantity: int | None = None,
        order_type: Literal['limit', 'market', 'conditional_limit', 'best', 'priority', 'limit_ioc', 'limit_fok', 'market_ioc', 'market_fok', 'best_ioc', 'best_fok', 'after_market_limit', 'after_market_limit_ioc', 'after_market_limit_fok', 'after_market_best', 'after_market_best_ioc', 'after_market_best_fok', 'after_market_priority'] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Change price or type of an open domestic order.

        Method ``kis.modify-order``.

        Args:
            order_no: Of the order, as its receipt said.
            order_task_id: The task_id of the task that placed it.
            account: The alias of the account.
            price: The new price in won.
            quantity: How many of the open shares get it; all of them when left out.
            order_type: The new type; as it was when left out.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def modify_overseas_order(
        self,
        *,
        price: str | Decimal,
        order_no: str | None = None,
        order_task_id: str | None = None,
        account: str = 'default',
        quantity: int | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Change the price of an open overseas order.

        Method ``kis.modify-overseas-order``.

        Args:
            price: The new price as decimal text.
            order_no: Of the order, as its receipt said.
            order_task_id: The task_id of the task that placed it.
            account: The alias of the account.
            quantity: The new number of shares; what is still open when left out.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def sell_order(
        self,
        *,
        ticker: str,
        quantity: int,
        price: int | None = None,
        order_type: Literal['limit', 'market', 'conditional_limit', 'best', 'priority', 'limit_ioc', 'limit_fok', 'market_ioc', 'market_fok', 'best_ioc', 'best_fok', 'after_market_limit', 'after_market_limit_ioc', 'after_market_limit_fok', 'after_market_best', 'after_market_best_ioc', 'after_market_best_fok', 'after_market_priority'] | None = None,
        exchange: Literal['KRX', 'NXT', 'SOR'] = 'KRX',
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Sell a domestic stock.

        Method ``kis.sell-order``.

        Args:
            ticker: The instrument.
            quantity: Shares.
            price: Won per share, for the order types that have a limit.
            order_type: ``limit`` when a price is given. An order without a price must say what it is, for example ``market``: a forgotten price is refused.
            exchange: Where it goes.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def sell_overseas_order(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE'],
        quantity: int,
        price: str | Decimal | None = None,
        order_type: Literal['limit', 'limit_on_open', 'limit_on_close', 'market_on_open', 'market_on_close', 'odd_lot'] | None = None,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Sell an overseas stock.

        Method ``kis.sell-overseas-order``.

        Args:
            ticker: The symbol.
            exchange: Where it is listed.
            quantity: Shares.
            price: In the instrument's currency, as decimal text.
            order_type: ``limit`` when a price is given; overseas exchanges take no plain market order.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def subscribe(
        self,
        *,
        tr_id: str,
        tr_key: str | None = None,
        copies: bool = True,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: any of KIS's 63 real-time TRs, in its own form.

        Method ``kis.subscribe``.

        Args:
            tr_id: Such as ``H0STCNT0``; one of the 63 that KIS documents. ``H0STOUP0``, ``H0STOAA0`` and ``H0STOAC0`` are taken but bring nothing since 2026-09-14, when their session was abolished.
            tr_key: What of it, as KIS writes it: ``005930``, ``DNASAAPL``, ``0001``. It is left out for notices, which are sent by the HTS ID.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            account: The alias of the account whose notices are meant.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_executions(
        self,
        *,
        account: str = 'default',
        market: Literal['domestic', 'overseas'] | None = None,
        copies: bool = True,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: fills, confirmations and refusals of the account's orders.

        Method ``kis.subscribe-executions``.

        Args:
            account: The alias of the account.
            market: Both where it is left out.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_order_book(
        self,
        *,
        ticker: str,
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: the order book of a domestic stock.

        Method ``kis.subscribe-order-book``.

        Args:
            ticker: Its KRX short code.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state as a query tells it.
            venue: Where it is traded; ``UNIFIED`` is KRX and NXT together.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_overseas_order_book(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE', 'NAS', 'NYS', 'AMS', 'HKS', 'SHS', 'SZS', 'TSE', 'HNX', 'HSX', 'BAY', 'BAQ', 'BAA'],
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        day_market: bool = False,
        paid: bool = False,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: the order book of an overseas stock.

        Method ``kis.subscribe-overseas-order-book``.

        Args:
            ticker: Its symbol.
            exchange: Where it is listed, by either of KIS's codes: ``NASD`` or ``NAS``. ``BAQ``, ``BAY`` and ``BAA`` mean the day market.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state as a query tells it.
            day_market: The American day market, 10:00 to 16:00 in Korea. Without it the other sessions: a subscription to both needs two tasks.
            paid: Live data of an Asian exchange, which a key must have paid for; without it they are some 15 minutes late. American data are live anyway.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_overseas_price(
        self,
        *,
        ticker: str,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE', 'NAS', 'NYS', 'AMS', 'HKS', 'SHS', 'SZS', 'TSE', 'HNX', 'HSX', 'BAY', 'BAQ', 'BAA'],
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        day_market: bool = False,
        paid: bool = False,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: every trade of an overseas stock.

        Method ``kis.subscribe-overseas-price``.

        Args:
            ticker: Its symbol.
            exchange: Where it is listed, by either of KIS's codes: ``NASD`` or ``NAS``. ``BAQ``, ``BAY`` and ``BAA`` mean the day market.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state as a query tells it.
            day_market: The American day market, 10:00 to 16:00 in Korea. Without it the other sessions: a subscription to both needs two tasks.
            paid: Live data of an Asian exchange, which a key must have paid for; without it they are some 15 minutes late. American data are live anyway.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_realtime_price(
        self,
        *,
        ticker: str,
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: every trade of a domestic stock.

        Method ``kis.subscribe-realtime-price``.

        Args:
            ticker: Its KRX short code.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state as a query tells it.
            venue: Where it is traded; ``UNIFIED`` is KRX and NXT together.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def unsubscribe(
        self,
        *,
        tr_id: str | None = None,
        tr_key: str | None = None,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kis.subscribe of the same task_id, or one part of it.

        Method ``kis.unsubscribe``.

        Args:
            tr_id: As it was subscribed.
            tr_key: As it was subscribed.
            account: As it was subscribed.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_executions(
        self,
        *,
        account: str = 'default',
        market: Literal['domestic', 'overseas'] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kis.subscribe-executions of the same task_id, or one part of it.

        Method ``kis.unsubscribe-executions``.

        Args:
            account: As it was subscribed.
            market: Both where it is left out.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_order_book(
        self,
        *,
        ticker: str | None = None,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kis.subscribe-order-book of the same task_id, or one part of it.

        Method ``kis.unsubscribe-order-book``.

        Args:
            ticker: The domestic stock.
            venue: As it was subscribed; KRX where a ticker stands alone.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_overseas_order_book(
        self,
        *,
        ticker: str | None = None,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE', 'NAS', 'NYS', 'AMS', 'HKS', 'SHS', 'SZS', 'TSE', 'HNX', 'HSX', 'BAY', 'BAQ', 'BAA'] | None = None,
        day_market: bool = False,
        paid: bool = False,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kis.subscribe-overseas-order-book of the same task_id, or one part of it.

        Method ``kis.unsubscribe-overseas-order-book``.

        Args:
            ticker: The symbol.
            exchange: Where it is listed.
            day_market: Of the American day market.
            paid: Of an Asian exchange's live data.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_overseas_price(
        self,
        *,
        ticker: str | None = None,
        exchange: Literal['NASD', 'NYSE', 'AMEX', 'SEHK', 'SHAA', 'SZAA', 'TKSE', 'HASE', 'VNSE', 'NAS', 'NYS', 'AMS', 'HKS', 'SHS', 'SZS', 'TSE', 'HNX', 'HSX', 'BAY', 'BAQ', 'BAA'] | None = None,
        day_market: bool = False,
        paid: bool = False,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kis.subscribe-overseas-price of the same task_id, or one part of it.

        Method ``kis.unsubscribe-overseas-price``.

        Args:
            ticker: The symbol.
            exchange: Where it is listed.
            day_market: Of the American day market.
            paid: Of an Asian exchange's live data.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_realtime_price(
        self,
        *,
        ticker: str | None = None,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kis.subscribe-realtime-price of the same task_id, or one part of it.

        Method ``kis.unsubscribe-realtime-price``.

        Args:
            ticker: The domestic stock.
            venue: As it was subscribed; KRX where a ticker stands alone.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """


class KiwoomMethods(Verbs[AnswerT, StreamT]):
    def get_stock_codes(
        self,
        *,
        market: Literal['0', '3', '4', '5', '6', '8', '9', '10', '30', '50'],
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The codes of a market, one element each.

        Method ``get-stock-codes``.

        Args:
            market: 0:장내, 3:ELW, 4:뮤추얼펀드, 5:신주인수권, 6:리츠, 8:ETF, 9:하이일드펀드, 10:코스닥, 30:K-OTC, 50:코넥스(KONEX)
            timeout: Seconds; the client's, if absent.
        """

    def get_stock_name(
        self,
        *,
        stock_code: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The Korean name of an instrument.

        Method ``get-stock-name``.

        Args:
            stock_code: 6자리 종목코드
            timeout: Seconds; the client's, if absent.
        """

    def get_stock_states(
        self,
        *,
        stock_code: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The states of an instrument, such as its margin rate, one element each.

        Method ``get-stock-states``.

        Args:
            stock_code: 6자리 종목코드
            timeout: Seconds; the client's, if absent.
        """

    def buy_order(
        self,
        *,
        ticker: str,
        quantity: int,
        price: int | None = None,
        order_type: Literal['limit', 'market', 'conditional_limit', 'best', 'priority', 'limit_ioc', 'limit_fok', 'market_ioc', 'market_fok', 'best_ioc', 'best_fok'] | None = None,
        exchange: Literal['KRX', 'NXT', 'SOR'] = 'KRX',
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Buy a stock.

        Method ``kiwoom.buy-order``.

        Args:
            ticker: The instrument.
            quantity: Shares.
            price: Won per share, for the order types that have a limit.
            order_type: ``limit`` when a price is given. An order without a price must say what it is, for example ``market``: a forgotten price is refused.
            exchange: Where it goes.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def cancel_order(
        self,
        *,
        order_no: str | None = None,
        order_task_id: str | None = None,
        account: str = 'default',
        quantity: int | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Cancel an open order.

        Method ``kiwoom.cancel-order``.

        Args:
            order_no: Of the order, as its receipt said.
            order_task_id: The task_id of the task that placed it.
            account: The alias of the account.
            quantity: How many of the open shares; all of them when left out.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def describe_api(
        self,
        *,
        api: str | None = None,
        pattern: str = '',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""List the REST api-ids of Kiwoom, or explain one.

        Method ``kiwoom.describe-api``.

        Args:
            api: One of them in full.
            pattern: Those whose id, Korean name or path contains this text, or an input or output of it, a line each; all of them without it.
            timeout: Seconds; the client's, if absent.
        """

    def get_balance(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Cash and positions of the account.

        Method ``kiwoom.get-balance``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
        """

    def get_current_price(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The last price of a stock, with today's open, high, low and volume.

        Method ``kiwoom.get-current-price``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            timeout: Seconds; the client's, if absent.
        """

    def get_daily_candles(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        interval: Literal['day', 'week', 'month', 'year'] = 'day',
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        adjusted: bool = True,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Daily, weekly, monthly or yearly candles of a stock, oldest first.

        Method ``kiwoom.get-daily-candles``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            interval: What one candle covers.
            start: The first day; left out, about a hundred candles before ``end``.
            end: The last day; today in Korea when left out.
            adjusted: Prices adjusted for splits and rights.
            timeout: Seconds; the client's, if absent.
        """

    def get_minute_candles(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        minutes: Literal[1, 3, 5, 10, 15, 30, 45, 60] = 1,
        date: datetime.date | str | None = None,
        start: datetime.time | str | None = None,
        end: datetime.time | str | None = None,
        adjusted: bool = True,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Candles of the minutes of one day of a stock, oldest first.

        Method ``kiwoom.get-minute-candles``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            minutes: What one candle covers.
            date: The day; today in Korea when left out. Kiwoom gives pages from now on backwards, so a day long ago takes many.
            start: From this time of day, ``09:00``.
            end: Up to this time of day.
            adjusted: Prices adjusted for splits and rights.
            timeout: Seconds; the client's, if absent.
        """

    def get_open_orders(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        ticker: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Orders that can still be filled, changed or cancelled.

        Method ``kiwoom.get-open-orders``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            ticker: Only this instrument.
            timeout: Seconds; the client's, if absent.
        """

    def get_order_book(
        self,
        *,
        ticker: str,
        raw: bool = False,
        exchange: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Ten levels of bids and asks of a stock.

        Method ``kiwoom.get-order-book``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            exchange: Where the price comes from.
            timeout: Seconds; the client's, if absent.
        """

    def get_order_history(
        self,
        *,
        raw: bool = False,
        account: str = 'default',
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        ticker: str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Orders of a period with their fills, newest first.

        Method ``kiwoom.get-order-history``.

        Args:
            raw: Add the vendor's own row to each result.
            account: The alias of the account.
            start: The first day; today in Korea when left out.
            end: The last day; today in Korea when left out. Each day is a request of its own.
            ticker: Only this instrument.
            timeout: Seconds; the client's, if absent.
        """

    def get_stock_info(
        self,
        *,
        ticker: str,
        raw: bool = False,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Name and state of a stock.

        Method ``kiwoom.get-stock-info``.

        Args:
            ticker: Its KRX short code.
            raw: Add the vendor's own row to each result.
            timeout: Seconds; the client's, if absent.
        """

    def modify_order(
        self,
        *,
        price: int,
        order_no: str | None = None,
        order_task_id: str | None = None,
        account: str = 'default',
        quantity: int | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Change the price of an open order.

        Method ``kiwoom.modify-order``.

        Args:
            price: The new price in won.
            order_no: Of the order, as its receipt said.
            order_task_id: The task_id of the task that placed it.
            account: The alias of the account.
            quantity: How many of the open shares get it; all of them when left out.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def request_tr(
        self,
        *,
        tr: str,
        inputs: dict[str, str] = ...,
        record: str | None = None,
        fields: list[str] = [],
        path: str | None = None,
        after: str | None = None,
        account: str = 'default',
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Any TR of the control or any REST API of Kiwoom, orders excepted.

        Method ``kiwoom.request-tr``.

        Args:
            tr: A TR of the control such as ``opt10001``, or an api-id of REST such as ``ka10001``: whichever the worker's backend speaks.
            inputs: By Kiwoom's names: ``{"종목코드": "005930"}``, or ``{"stk_cd": "005930"}``.
            record: The control's name of the record with many rows; left out, the answer is one row. Of an api-id that the worker does not know, REST's key of the rows.
            fields: The names of the values wanted. Needed unless the worker knows the TR; of a known api-id only these keys, else all.
            path: Where REST serves an api-id that the worker does not know: ``/api/dostk/stkinfo``.
            after: ``more`` of the page before, for the next one.
            account: The alias of the account whose key asks.
            timeout: Seconds; the client's, if absent.
        """

    def sell_order(
        self,
        *,
        ticker: str,
        quantity: int,
        price: int | None = None,
        order_type: Literal['limit', 'market', 'conditional_limit', 'best', 'priority', 'limit_ioc', 'limit_fok', 'market_ioc', 'market_fok', 'best_ioc', 'best_fok'] | None = None,
        exchange: Literal['KRX', 'NXT', 'SOR'] = 'KRX',
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""Sell a stock.

        Method ``kiwoom.sell-order``.

        Args:
            ticker: The instrument.
            quantity: Shares.
            price: Won per share, for the order types that have a limit.
            order_type: ``limit`` when a price is given. An order without a price must say what it is, for example ``market``: a forgotten price is refused.
            exchange: Where it goes.
            account: The alias of the account.
            timeout: Seconds; the client's, if absent.
            task_id: The idempotency key; a new one, if absent.
        """

    def subscribe(
        self,
        *,
        type: str,
        item: str | None = None,
        copies: bool = True,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: any of Kiwoom's real types, in its own form.

        Method ``kiwoom.subscribe``.

        Args:
            type: Its code, such as ``0B``.
            item: Of what, as Kiwoom writes it: ``005930``, ``005930_NX``, ``001``. It is left out for what is of no instrument, such as the phases of the market.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            account: The alias of the account whose news are meant.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_executions(
        self,
        *,
        account: str = 'default',
        copies: bool = True,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: fills, confirmations and refusals of the account's orders.

        Method ``kiwoom.subscribe-executions``.

        Args:
            account: The alias of the account.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_order_book(
        self,
        *,
        ticker: str,
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: the order book of a stock.

        Method ``kiwoom.subscribe-order-book``.

        Args:
            ticker: Its KRX short code.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state as a query tells it.
            venue: Where it is traded; ``UNIFIED`` is KRX and NXT together.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_realtime_price(
        self,
        *,
        ticker: str,
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] = 'KRX',
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: every trade of a stock.

        Method ``kiwoom.subscribe-realtime-price``.

        Args:
            ticker: Its KRX short code.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state as a query tells it.
            venue: Where it is traded; ``UNIFIED`` is KRX and NXT together.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def unsubscribe(
        self,
        *,
        type: str | None = None,
        item: str | None = None,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kiwoom.subscribe of the same task_id, or one part of it.

        Method ``kiwoom.unsubscribe``.

        Args:
            type: As it was subscribed.
            item: As it was subscribed.
            account: As it was subscribed.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_executions(
        self,
        *,
        account: str = 'default',
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kiwoom.subscribe-executions of the same task_id, or one part of it.

        Method ``kiwoom.unsubscribe-executions``.

        Args:
            account: As it was subscribed.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_order_book(
        self,
        *,
        ticker: str | None = None,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kiwoom.subscribe-order-book of the same task_id, or one part of it.

        Method ``kiwoom.unsubscribe-order-book``.

        Args:
            ticker: The domestic stock.
            venue: As it was subscribed; KRX where a ticker stands alone.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_realtime_price(
        self,
        *,
        ticker: str | None = None,
        venue: Literal['KRX', 'NXT', 'UNIFIED'] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End kiwoom.subscribe-realtime-price of the same task_id, or one part of it.

        Method ``kiwoom.unsubscribe-realtime-price``.

        Args:
            ticker: The domestic stock.
            venue: As it was subscribed; KRX where a ticker stands alone.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def request_day_candle(
        self,
        *,
        stock_code: str,
        to: str,
        is_adjusted: Literal['0', '1'],
        from_: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Daily candles as Kiwoom's texts, newest first.

        Method ``request-day-candle``.

        Args:
            stock_code: 6자리 종목코드
            to: 조회할 마지막 날짜(YYYYMMDD)
            is_adjusted: 0 or 1, 수신데이터 1:유상증자, 2:무상증자, 4:배당락, 8:액면분할, 16:액면병합, 32:기업합병, 64:감자, 256:권리락
            from_: 조회를 시작할 기간(YYYYMMDD)
            timeout: Seconds; the client's, if absent.
        """

    def request_minute_candle(
        self,
        *,
        stock_code: str,
        tick: Literal['1', '3', '5', '10', '15', '30', '45', '60'],
        is_adjusted: Literal['0', '1'],
        from_: str,
        to: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Minute candles as Kiwoom's texts, newest first.

        Method ``request-minute-candle``.

        Args:
            stock_code: 6자리 종목코드
            tick: 1:1분, 3:3분, 5:5분, 10:10분, 15:15분, 30:30분, 45:45분, 60:60분
            is_adjusted: 0 or 1, 수신데이터 1:유상증자, 2:무상증자, 4:배당락, 8:액면분할, 16:액면병합, 32:기업합병, 64:감자, 256:권리락
            from_: 조회를 시작할 기간(YYYYMMDD)
            to: 조회할 마지막 기간(YYYYMMDD)
            timeout: Seconds; the client's, if absent.
        """

    def request_offer_price_info(
        self,
        *,
        stock_code: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The order book as Kiwoom's texts, in one element.

        Method ``request-offer-price-info``.

        Args:
            stock_code: 6자리 종목코드
            timeout: Seconds; the client's, if absent.
        """

    def request_offhour_single_trade_info(
        self,
        *,
        stock_code: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The single-price session after hours, in one element.

        Method ``request-offhour-single-trade-info``.

        Args:
            stock_code: 6자리 종목코드
            timeout: Seconds; the client's, if absent.
        """

    def request_short_trend(
        self,
        *,
        stock_code: str,
        query_type: Literal['0', '1'],
        from_: str,
        to: str,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Short selling day by day, newest first.

        Method ``request-short-trend``.

        Args:
            stock_code: 6자리 종목코드
            query_type: 0:시작일, 1:기간
            from_: 연도4자리, 월 2자리, 일 2자리 형식(YYYYMMDD)
            to: 연도4자리, 월 2자리, 일 2자리 형식(YYYYMMDD)
            timeout: Seconds; the client's, if absent.
        """

    def request_upper_and_low(
        self,
        *,
        market: Literal['000', '001', '101'],
        query_type: Literal['1', '2', '3', '4', '5', '6', '7'],
        sort_type: Literal['1', '2', '3'],
        filter_type: Literal['0', '1', '3', '4', '5', '6', '7', '8', '9', '10'],
        volume_type: Literal['00000', '00010', '00050', '00100', '00150', '00200', '00300', '00500', '01000'],
        credit_type: Literal['0', '1', '2', '3', '4', '9', '7'],
        price_type: Literal['0', '1', '2', '3', '4', '5', '8'],
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Stocks at their upper or lower limit, rising or falling; the first page.

        Method ``request-upper-and-low``.

        Args:
            market: 000:전체, 001:코스피, 101:코스닥
            query_type: 1:상한, 2:상승, 3:보합, 4: 하한, 5:하락, 6:전일상한, 7:전일하한
            sort_type: 1:종목코드순, 2:연속횟수순(상위100개), 3:등락률순
            filter_type: 0:전체조회, 1:관리종목제외, 3:우선주제외, 4:우선주+관리종목제외, 5:증100제외, 6:증100만 보기, 7:증40만 보기, 8:증30만 보기, 9:증20만 보기, 10:우선주+관리종목+환기종목제외
            volume_type: 00000:전체조회, 00010:만주이상, 00050:5만주이상, 00100:10만주이상, 00150:15만주이상, 00200:20만주이상, 00300:30만주이상, 00500:50만주이상, 01000:백만주이상
            credit_type: 0:전체조회, 1:신용융자A군, 2:신용융자B군, 3:신용융자C군, 4:신용융자D군, 9:신용융자전체
            price_type: 0:전체조회, 1:1천원미만, 2:1천원~2천원, 3:2천원~3천원, 4:5천원~1만원, 5:1만원이상, 8:1천원이상
            timeout: Seconds; the client's, if absent.
        """

    def subscribe_realtime(
        self,
        *,
        stock_code: str,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: the trades of an instrument in the original server's form.

        Method ``subscribe-realtime``.

        Args:
            stock_code: 6자리 종목코드
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def unsubscribe_realtime(
        self,
        *,
        stock_code: str,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End subscribe-realtime of the same task_id, or one part of it.

        Method ``unsubscribe-realtime``.

        Args:
            stock_code: 6자리 종목코드
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """


class KoscomMethods(Verbs[AnswerT, StreamT]):
    def get_current_price(
        self,
        *,
        ticker: str,
        raw: bool = False,
        market: Literal['kospi', 'kosdaq'] | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""The last price of a stock on KRX, with today's open, high, low and volume.

        Method ``koscom.get-current-price``.

        Args:
            ticker: Its short code.
            raw: Add the vendor's own row to each result.
            market: Where it is listed; found out when left out.
            timeout: Seconds; the client's, if absent.
        """

    def get_daily_candles(
        self,
        *,
        ticker: str,
        raw: bool = False,
        market: Literal['kospi', 'kosdaq'] | None = None,
        interval: Literal['day', 'week', 'month'] = 'day',
        start: datetime.date | str | None = None,
        end: datetime.date | str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Daily, weekly or monthly candles of a stock on KRX, adjusted, oldest first.

        Method ``koscom.get-daily-candles``.

        Args:
            ticker: Its short code.
            raw: Add the vendor's own row to each result.
            market: Where it is listed; found out when left out.
            interval: What one candle covers.
            start: The first day; left out, about a hundred candles before ``end``.
            end: The last day; today in Korea when left out. The day itself is there from 06:30 of the next.
            timeout: Seconds; the client's, if absent.
        """

    def get_intraday_candles(
        self,
        *,
        ticker: str,
        raw: bool = False,
        market: Literal['kospi', 'kosdaq'] | None = None,
        interval: Literal['10s', '1m', '10m'] = '1m',
        date: datetime.date | str | None = None,
        start: datetime.time | str | None = None,
        end: datetime.time | str | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Bars of 10 seconds to 10 minutes of one day of a stock on KRX, oldest first.

        Method ``koscom.get-intraday-candles``.

        Args:
            ticker: Its short code.
            raw: Add the vendor's own row to each result.
            market: Where it is listed; found out when left out.
            interval: What one bar covers: 10 seconds, 1 minute or 10 minutes.
            date: The day; today in Korea when left out.
            start: From this time of day, ``09:00``.
            end: Up to this time of day.
            timeout: Seconds; the client's, if absent.
        """

    def get_order_book(
        self,
        *,
        ticker: str,
        raw: bool = False,
        market: Literal['kospi', 'kosdaq'] | None = None,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Ten levels of bids and asks of a stock on KRX.

        Method ``koscom.get-order-book``.

        Args:
            ticker: Its short code.
            raw: Add the vendor's own row to each result.
            market: Where it is listed; found out when left out.
            timeout: Seconds; the client's, if absent.
        """

    def query(
        self,
        *,
        table: str,
        arguments: dict[str, str | int | list[str]] = ...,
        all_pages: bool = False,
        timeout: float | None = None,
    ) -> AnswerT:
        r"""Any REST table of KOSCOM by its name.

        Method ``koscom.query``.

        Args:
            table: One of the tables, such as ``history``; a name that is none is answered with all of them.
            arguments: By KOSCOM's names: ``{"market": "kospi", "code": "005930", "inqEndDd": "20261125"}``. Of an issue the market may be left out; it is then looked for.
            all_pages: Of a table with a period: every row of it, however many windows of a hundred that takes; else the newest hundred.
            timeout: Seconds; the client's, if absent.
        """

    def subscribe(
        self,
        *,
        preset: Literal['tick', 'quote', 'tick10', 'quote10', 'index', 'change'],
        ticker: str,
        raw: bool = False,
        copies: bool = True,
        polling: bool = True,
        snapshot: bool = True,
        items: list[str] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: an issue, as one of KOSCOM's presets has it.

        Method ``koscom.subscribe``.

        Args:
            preset: ``tick`` and ``tick10`` are trades, the latter with the day's figures; ``quote`` is the best bid and offer, ``quote10`` the whole order book; ``index`` a sector's index; ``change`` fields of your choice.
            ticker: The short code of a stock, a future or an option; with ``index`` that of the index: ``K1``.
            raw: Events have the vendor's own fields as well.
            copies: Events come to the reply queue; else only the acknowledgement and what happens to the subscription, for programs that bind a queue to ``broker.realtime``.
            polling: While the live connection cannot serve it, the state is asked for from time to time.
            snapshot: The first event is the state by REST, unless KOSCOM's own comes first.
            items: With ``change``, the names of its fields, such as ``trdPrc``.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def subscribe_market(
        self,
        *,
        market: str,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        r"""Live: the trades of every issue of a market, on the exchange broker.realtime.

        Method ``koscom.subscribe-market``.

        Args:
            market: ``kospi`` or ``kosdaq``.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
            on_status: Called with each `StreamStatus` as it comes.
        """

    def unsubscribe(
        self,
        *,
        preset: Literal['tick', 'quote', 'tick10', 'quote10', 'index', 'change'] | None = None,
        ticker: str | None = None,
        items: list[str] | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End koscom.subscribe of the same task_id, or one part of it.

        Method ``koscom.unsubscribe``.

        Args:
            preset: As it was subscribed.
            ticker: Likewise.
            items: Likewise.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

    def unsubscribe_market(
        self,
        *,
        market: str | None = None,
        timeout: float | None = None,
        task_id: str | None = None,
    ) -> AnswerT:
        r"""End koscom.subscribe-market of the same task_id, or one part of it.

        Method ``koscom.unsubscribe-market``.

        Args:
            market: As it was subscribed.
            timeout: Seconds; the client's, if absent.
            task_id: The id of the subscription; for a subscription a new one, if absent.
        """

