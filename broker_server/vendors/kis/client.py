"""Reads: token, slot of the rate limit, request, and what the answer means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import structlog

from broker_client.errors import TaskFailed, VendorUnavailable
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.http import ExchangeFailed, Transport
from broker_server.vendors.kis.auth import TokenSource
from broker_server.vendors.kis.catalogue import Catalogue, Route
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR, Meaning, error_for, meaning_of, unreadable
from broker_server.vendors.kis.values import Answer, Row, read_answer
from broker_server.vendors.kis.wire import THROTTLE_PAUSE, THROTTLE_RETRIES, build_request
from broker_server.vendors.long_histories import Paging
from broker_server.vendors.pacing import Pacer

log = structlog.get_logger(__name__)

MOST_PAGES = 100
CANDLE_PAGES = Paging("KIS", rows=100, most=MOST_PAGES)
_FAULT_RETRIES = 2


@dataclass(slots=True)
class Pages:
    """The rows of all pages.

    Attributes:
        answers: One per page, in the vendor's order.
        truncated: Why reading stopped before the end, or ``None``.
    """

    answers: list[Answer] = field(default_factory=list)
    truncated: str | None = None

    def rows(self, output: str) -> Iterator[Row]:
        """The rows of one output over all pages."""
        for answer in self.answers:
            yield from answer.rows(output)

    def row(self, output: str) -> Row:
        """The first row of an output over all pages, or an empty one."""
        return next(self.rows(output), {})

    def required_row(self, output: str) -> Row:
        """The first row of an output that the operation always has.

        Raises:
            UnreadableAnswer: No page has it.
        """
        row = self.row(output)
        if not row:
            raise unreadable(f"{output} is missing")
        return row


class KisClient:
    """Calls KIS operations by their catalogue name. Safe to use from many threads.

    Args:
        config: Key, host and environment.
        catalogue: The operations.
        tokens: The access token.
        pacer: The rate limit, shared by everything that uses the key.
        transport: Sends one request.
    """

    def __init__(
        self,
        config: KisConfig,
        catalogue: Catalogue,
        tokens: TokenSource,
        pacer: Pacer,
        transport: Transport,
    ) -> None:
        self._config = config
        self.catalogue = catalogue
        self._tokens = tokens
        self._pacer = pacer
        self._transport = transport

    def read(
        self, api: str, arguments: Mapping[str, str], *, context: TaskContext, lane: Lane, **variant: str
    ) -> Answer:
        """Read something; repeated a few times while KIS is busy or does not answer.

        Args:
            api: The catalogue's name of the operation.
            arguments: By the catalogue's argument names.
            context: The task.
            lane: Its place in the rate limit.
            variant: What else selects the TR id.

        Raises:
            Unsupported: The environment does not offer the operation.
            VendorRejected: KIS refused; its code and text are in the error.
            VendorUnavailable: KIS does not answer, or not as documented.
            RateLimited: KIS kept refusing for its rate limit.
            AuthenticationFailed: KIS refuses the key.
        """
        route = self.catalogue.route(api, **variant)
        return self.read_page(route, route.parameters(arguments), context, lane, continued=False)

    def read_pages(
        self,
        api: str,
        arguments: Mapping[str, str],
        *,
        keys: tuple[str, str],
        context: TaskContext,
        lane: Lane,
        enough: Callable[[Answer], bool] = lambda answer: False,
        most_pages: int = MOST_PAGES,
        partial: bool = False,
        take: Callable[[Answer], None] | None = None,
        **variant: str,
    ) -> Pages:
        """Read all pages of something.

        Args:
            api: The catalogue's name of the operation.
            arguments: Without the continuation keys.
            keys: The catalogue's argument names of the two continuation keys, ``("FK100", "NK100")``.
            context: The task; told of every page.
            lane: Its place in the rate limit.
            enough: Whether the pages after this one are of no interest.
            most_pages: Where to stop although there is more.
            partial: Keep what was read when a later page fails, and say so in ``truncated``. Otherwise it is
                dropped, for half a list misleads.
            take: Given each page as it comes, instead of keeping it: a long list need not be held twice.
            variant: What else selects the TR id.

        Raises:
            TaskFailed: As for `read`.
        """
        route = self.catalogue.route(api, **variant)
        continuation = dict.fromkeys(keys, "")
        pages, read = Pages(), 0
        take = pages.answers.append if take is None else take
        while True:
            parameters = route.parameters({**arguments, **continuation})
            try:
                answer = self.read_page(route, parameters, context, lane, continued=read > 0)
            except TaskFailed as error:
                if not (partial and read):
                    raise
                pages.truncated = f"page {read + 1} could not be read: {error.message}"
                return pages
            take(answer)
            read += 1
            context.report_progress(read, None)
            if not answer.has_more or enough(answer):
                return pages
            # The keys are padded with blanks, and KIS wants them back as they were.
            following = {key: str(answer.body.get(f"ctx_area_{key.lower()}") or "") for key in keys}
            if following == continuation or not any(value.strip() for value in following.values()):
                pages.truncated = "KIS announced another page but gave no key to ask for it"
                return pages
            if read >= most_pages:
                pages.truncated = f"stopped after {most_pages} pages; ask for a shorter period"
                return pages
            continuation = following

    def read_page(
        self,
        route: Route,
        parameters: Mapping[str, str],
        context: TaskContext,
        lane: Lane,
        *,
        continued: bool,
    ) -> Answer:
        """Read one page by its wire parameters; repeated like `read`.

        Args:
            route: The operation.
            parameters: By their wire names.
            context: The task.
            lane: Its place in the rate limit.
            continued: Whether this asks for a following page.

        Raises:
            TaskFailed: As for `read`.
        """
        token_renewed, throttled, faults = False, 0, 0
        while True:
            token = self._tokens.get(context)
            self._pacer.wait_for_slot(lane, context.ensure_in_time)
            request = build_request(self._config, route, parameters, token, continued=continued)
            try:
                response = self._transport.send(request)
                if response.status >= 500 and not response.body.strip().startswith(b"{"):
                    raise ExchangeFailed(f"HTTP {response.status}", bytes_left=True)
            except ExchangeFailed as error:
                faults += 1
                if faults > _FAULT_RETRIES:
                    raise VendorUnavailable(
                        f"KIS does not answer: {error}; try again later", vendor=VENDOR
                    ) from error
                log.info("kis_read_repeated", tr_id=route.tr_id, reason=str(error))
                continue
            answer = read_answer(response)
            if answer.succeeded:
                return answer
            meaning = meaning_of(answer.code, answer.text)
            if meaning is Meaning.TOKEN and not token_renewed:
                self._tokens.refuse(token)
                token_renewed = True
            elif meaning is Meaning.THROTTLE and throttled < THROTTLE_RETRIES:
                self._pacer.hold(THROTTLE_PAUSE)
                throttled += 1
            elif meaning is Meaning.GATEWAY and faults < _FAULT_RETRIES:
                faults += 1
            else:
                raise error_for(answer.code, answer.text)
            log.info("kis_read_repeated", tr_id=route.tr_id, reason=answer.code)
