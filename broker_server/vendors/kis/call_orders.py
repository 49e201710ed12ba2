"""``kis.call-order`` and ``kis.call-cancel``: the order APIs of KIS by name, the way every order goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from broker_client.errors import InvalidParameters, OrdersDisabled
from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.core.orders import OrderDetails
from broker_server.vendors.account_models import OrderRecord
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.account import never_late
from broker_server.vendors.kis.api_orders import OrderApi
from broker_server.vendors.kis.apis import Api
from broker_server.vendors.kis.call import ApiName, Arguments
from broker_server.vendors.kis.catalogue import Catalogue
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.domestic_orders import DomesticOrderBook
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.kis.order_sender import OrderSender
from broker_server.vendors.kis.overseas_models import OverseasOrderRecord
from broker_server.vendors.kis.overseas_orders import OverseasOrderList
from broker_server.vendors.kis.values import KST, moment
from broker_server.vendors.order_details import DOMESTIC
from broker_server.vendors.order_receipts import OrderReceipt, receipt


class CallOrderParameters(Parameters):
    """What to order of KIS, in its own words.

    Attributes:
        api: The name of the API, such as ``domestic_stock.order_cash``.
        arguments: By KIS's names in snake case, each value a text. The account comes from the settings.
        account: The alias of the account.
    """

    api: ApiName
    arguments: Arguments = Field(default_factory=dict)
    account: AccountAlias = DEFAULT


class CalledOrder(OrderReceipt):
    """An order, change or cancel that KIS took. Taken is not filled.

    Attributes:
        api: The name of the API.
        rows: KIS's own of the answer, their keys in lower case.
        order_no: KIS's number; of a reservation that of the reservation; null where the answer has none.
    """

    api: str
    rows: Sequence[Mapping[str, Any]]


class CallOrderMethods:
    """The handlers.

    Args:
        config: The account and the environment.
        catalogue: The operations.
        sender: Sends orders.
        domestic: Finds the domestic order that a change is about.
        overseas: Finds the overseas one.
        clock: The date of a receipt.
    """

    def __init__(
        self,
        config: KisConfig,
        catalogue: Catalogue,
        sender: OrderSender,
        domestic: DomesticOrderBook,
        overseas: OverseasOrderList,
        clock: Clock,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._sender = sender
        self._domestic = domestic
        self._overseas = overseas
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kis.call-order",
                vendor=VENDOR,
                kind="order",
                lane=Lane.ORDER,
                summary="Place or change an order by any order API of KIS.",
                parameters=CallOrderParameters,
                result=CalledOrder,
                handler=self.order,
                details=lambda parameters: self._details(parameters, is_cancel=False),
                example={
                    "api": "domestic_stock.order_cash",
                    "arguments": {
                        "ord_dv": "buy",
                        "pdno": "005930",
                        "ord_dvsn": "01",
                        "ord_qty": "1",
                        "ord_unpr": "0",
                        "excg_id_dvsn_cd": "KRX",
                    },
                },
            ),
            Method(
                name="kis.call-cancel",
                vendor=VENDOR,
                kind="order",
                lane=Lane.CANCEL,
                summary="Cancel an order or a reservation by any order API of KIS.",
                parameters=CallOrderParameters,
                result=CalledOrder,
                handler=self.cancel,
                details=lambda parameters: self._details(parameters, is_cancel=True),
            ),
        ]

    def order(self, parameters: CallOrderParameters, context: TaskContext) -> Outcome:
        """Place or change."""
        details = self._details(parameters, is_cancel=False)
        order_api = OrderApi(parameters.api)
        if self._config.is_live and not order_api.reconciled:
            self._ensure_allowed(parameters.api)
        if details.action == "modify" and order_api.reconciled:
            details = self._looked_up(details, context)
        return self._send(parameters, order_api, details, context, Lane.ORDER)

    def cancel(self, parameters: CallOrderParameters, context: TaskContext) -> Outcome:
        """Cancel. Nothing is looked up: the arguments have all that KIS asks for."""
        details = self._details(parameters, is_cancel=True)
        return self._send(parameters, OrderApi(parameters.api), details, never_late(context), Lane.CANCEL)

    def _details(self, parameters: CallOrderParameters, *, is_cancel: bool) -> OrderDetails:
        api = Api(parameters.api, self._catalogue)
        if not api.changes_something:
            raise InvalidParameters(f"api: {api.name} only reads; that is done by kis.call")
        order_api = OrderApi(api.name)
        arguments = api.complete(parameters.arguments, self._config)
        api.route(arguments)
        details = order_api.details(arguments)
        if details.is_cancel != is_cancel:
            fitting = "kis.call-cancel" if details.is_cancel else "kis.call-order"
            raise InvalidParameters(f"api: this {details.action} by {api.name} is done by {fitting}")
        return details

    def _ensure_allowed(self, api: str) -> None:
        if api not in self._config.unreconciled:
            raise OrdersDisabled(
                f"no list of orders that the worker reads shows what {api} places, so an order whose answer "
                f"is lost could not be settled; on a live account it is called only if "
                f"ALLOW_UNRECONCILED_ORDERS names {api}"
            )

    def _looked_up(self, details: OrderDetails, context: TaskContext) -> OrderDetails:
        """A change with what it is about, which its arguments do not tell, or not for sure."""
        number = details.original or ""
        record: OrderRecord | OverseasOrderRecord | None
        if details.market == DOMESTIC:
            found = self._domestic.find(number, context, Lane.ORDER)
            record = None if found is None else found.record
        else:
            record = self._overseas.find(number, context, Lane.ORDER)
        if record is None:
            raise InvalidParameters(f"arguments: the account has no {details.market} order {number} today")
        if record.order_no != number or not record.remaining_quantity:
            now = f"; it is {record.order_no} now" if record.order_no != number else ""
            raise InvalidParameters(f"arguments: order {number} is not open any more{now}")
        if details.ticker not in (None, record.ticker):
            raise InvalidParameters(f"arguments: order {number} is of {record.ticker}, not {details.ticker}")
        return replace(
            details,
            ticker=record.ticker,
            side=record.side,
            quantity=details.quantity or record.remaining_quantity,
        )

    def _send(
        self,
        parameters: CallOrderParameters,
        order_api: OrderApi,
        details: OrderDetails,
        context: TaskContext,
        lane: Lane,
    ) -> Outcome:
        api = Api(parameters.api, self._catalogue)
        route, wire = api.request(parameters.arguments, self._config)
        accepted = self._sender.send_by(
            route, wire, details=details, context=context, lane=lane, numbers=order_api.numbers
        )
        today = self._clock.now().astimezone(KST).date()
        taken = receipt(
            details,
            account=parameters.account,
            order_no=accepted.order_no,
            time=moment(today, accepted.time),
        )
        number = accepted.order_no or None
        row = CalledOrder(
            **{**taken.model_dump(), "order_no": number}, api=parameters.api, rows=accepted.rows
        )
        return Outcome([row], order_no=number)
