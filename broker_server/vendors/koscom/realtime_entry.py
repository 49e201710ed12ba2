"""How a connection of KOSCOM begins: the init, and its answer."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from broker_server.vendors.koscom.realtime_codes import Treatment, end_of, refusal_error, treatment_of
from broker_server.vendors.koscom.realtime_messages import PUSH, Told, documents, init_text, is_answer, told
from broker_server.vendors.live_endings import End, Ending
from broker_server.vendors.live_link import why_closed

_WELCOME = Told(None, failed=False)


class Pass(NamedTuple):
    """What lets us in.

    Attributes:
        key: Secret.
        member: The company's name.
    """

    key: str
    member: str

    def without_key(self, text: str) -> str:
        """A text of KOSCOM that may be shown."""
        return text.replace(self.key, "***")


async def introduce(connection: ClientConnection, entry: Pass, number: int, patience: float) -> Ending | None:
    """Send the init. Its answer may come without an id: nothing else is on its way.

    Data that come are as good as an answer: whether KOSCOM always sends one is not known.

    Args:
        connection: Open.
        entry: Who we are.
        number: The id.
        patience: Seconds for the answer.

    Returns:
        Why it was in vain; ``None`` if we are let in.
    """
    try:
        async with asyncio.timeout(patience):
            await connection.send(init_text(number, entry.key, entry.member))
            while True:
                for document in documents(await connection.recv(decode=False)) or []:
                    if (answer := _answer_in(document, number)) is not None:
                        return _turned_away(answer, entry)
    except ConnectionClosed as error:
        return Ending(End.LOST, f"{why_closed('KOSCOM', error)} during the init")
    except TimeoutError:
        return Ending(End.LOST, "KOSCOM left the init unanswered")


def _answer_in(document: Any, number: int) -> Told | None:
    if isinstance(document, list):
        return _WELCOME
    if not isinstance(document, dict):
        return None
    if document.get("method") == PUSH:
        return _WELCOME
    if not is_answer(document):
        return None
    answer = told(document)
    return answer if answer.number in (None, number) else None


def _turned_away(answer: Told, entry: Pass) -> Ending | None:
    treatment = treatment_of(answer.code)
    if not answer.failed or treatment is Treatment.DONE:
        return None
    error = refusal_error(answer.code, entry.without_key(answer.text))
    return Ending(end_of(treatment), f"KOSCOM refuses the init: {error.message}", error)
