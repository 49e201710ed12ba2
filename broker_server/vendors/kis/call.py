"""``kis.call``: any REST API of KIS that only reads, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, StrictStr

from broker_client.errors import InvalidParameters
from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.vendors.kis.apis import Api
from broker_server.vendors.kis.catalogue import Route
from broker_server.vendors.kis.client import MOST_PAGES, KisClient
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR, not_simulated
from broker_server.vendors.kis.values import Answer, lower_keys
from broker_server.vendors.verdicts import UnreadableAnswer

_ENVELOPE = {"rt_cd", "msg_cd", "msg1"}
_LEDGER = "/trading/"

ApiName = Annotated[StrictStr, Field(min_length=1, max_length=100)]
Arguments = Annotated[
    dict[
        Annotated[StrictStr, Field(max_length=100)],
        Annotated[StrictStr, Field(max_length=1000, pattern=r"^[^\x00-\x1f]*$")],
    ],
    Field(max_length=100),
]


class CallParameters(Parameters):
    """What to ask KIS for, in its own words.

    Attributes:
        api: The name of the API, such as ``domestic_stock.inquire_price``; ``broker-server methods --apis``
            lists them.
        arguments: By KIS's names in snake case, each value a text: ``{"fid_cond_mrkt_div_code": "J",
            "fid_input_iscd": "005930"}``. The account comes from the settings.
        all_pages: Read on to the last page.
        raw: Answer with KIS's documents, one for each page, instead of their rows.
        account: The alias of the account: its key asks, and its number is added where the API takes one.
    """

    api: ApiName
    arguments: Arguments = Field(default_factory=dict)
    all_pages: bool = False
    raw: bool = False
    account: AccountAlias = DEFAULT


class CallMethods:
    """The handler.

    Args:
        config: The account.
        client: The calls.
    """

    def __init__(self, config: KisConfig, client: KisClient) -> None:
        self._config = config
        self._client = client

    def methods(self) -> list[Method[Any]]:
        """The declared method."""
        return [
            Method(
                name="kis.call",
                vendor=VENDOR,
                kind="read",
                lane=Lane.QUOTE,
                summary="Any REST API of KIS by name, orders excepted.",
                parameters=CallParameters,
                handler=self.call,
                example={
                    "api": "domestic_stock.inquire_price",
                    "arguments": {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"},
                },
            )
        ]

    def call(self, parameters: CallParameters, context: TaskContext) -> Outcome:
        """Read one page, or all of them."""
        api = Api(parameters.api, self._client.catalogue)
        if api.changes_something:
            raise InvalidParameters(
                f"api: {api.name} places, changes or cancels orders; that is done by kis.call-order, and "
                "cancels by kis.call-cancel"
            )
        route, wire = api.request(parameters.arguments, self._config)
        lane = Lane.ACCOUNT if _LEDGER in api.path else Lane.QUOTE
        pages, truncated = self._pages(
            api, route, wire, context, Lane.BULK if parameters.all_pages else lane, parameters
        )
        if parameters.raw:
            return Outcome([_document(page) for page in pages], truncated)
        return Outcome([row for page in pages for row in rows_of(page)], truncated)

    def _pages(
        self,
        api: Api,
        route: Route,
        wire: dict[str, str],
        context: TaskContext,
        lane: Lane,
        parameters: CallParameters,
    ) -> tuple[list[Answer], str | None]:
        pages: list[Answer] = []
        continued = any(parameters.arguments.get(name, "").strip() for name in api.continuation)
        while True:
            answer = self._read(route, wire, context, lane, continued=continued)
            pages.append(answer)
            if parameters.all_pages:
                context.report_progress(len(pages), None)
            if not answer.has_more:
                return pages, None
            # The keys are padded with blanks, and KIS wants them back as they were.
            keys = {name: str(answer.body.get(field) or "") for name, field in api.continuation.items()}
            if not parameters.all_pages:
                return pages, _there_is_more(keys)
            following = wire | {field.upper(): keys[name] for name, field in api.continuation.items()}
            if api.continuation and (following == wire or not any(key.strip() for key in keys.values())):
                return pages, "KIS announced another page but gave no key to ask for it"
            if not api.continuation and len(pages) > 1 and answer.body == pages[-2].body:
                return pages[:-1], "KIS announced another page and gave the same one again"
            if len(pages) >= MOST_PAGES:
                return pages, f"stopped after {MOST_PAGES} pages; ask for less"
            wire, continued = following, True

    def _read(
        self, route: Route, wire: dict[str, str], context: TaskContext, lane: Lane, *, continued: bool
    ) -> Answer:
        try:
            return self._client.read_page(route, wire, context, lane, continued=continued)
        except UnreadableAnswer as error:
            if self._config.simulated and "HTTP 404" in error.reason:
                raise not_simulated(route.path) from None
            raise


def rows_of(answer: Answer) -> Iterator[dict[str, Any]]:
    """The rows of one page, each with the name of the output that it is of, its keys in lower case.

    KIS gives an object or an array of objects; what comes beside them, once, is a row of the output ``""``.

    Raises:
        UnreadableAnswer: An output is something else.
    """
    beside: dict[str, Any] = {}
    for name, value in answer.body.items():
        if name in _ENVELOPE or name.startswith("ctx_area_"):
            continue
        if name.startswith("output") or isinstance(value, (dict, list)):
            yield from ({"output": name, **row} for row in answer.rows(name))
        elif value not in (None, ""):
            beside[name] = value
    if beside:
        yield {"output": "", **beside}


def _document(answer: Answer) -> dict[str, Any]:
    """KIS's document as it came but for the case of its top keys, and the header that tells of more pages."""
    return {"tr_cont": answer.headers.get("tr_cont", "").strip(), **lower_keys(answer.body)}


def _there_is_more(keys: dict[str, str]) -> str:
    more = "KIS has more pages; all_pages: true reads them"
    if not any(key.strip() for key in keys.values()):
        return more
    return f"{more}, the arguments {', '.join(f'{name} {key!r}' for name, key in keys.items())} the next one"
