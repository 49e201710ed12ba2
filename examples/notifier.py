"""A notifier: what happens to orders, feeds and workers comes to your phone, by a bot of Telegram.

* Orders and each change of them; feeds that are stale or fail, and their return; Kiwoom's control when it
  wants a login; workers that start, stop, or do not answer.
* An event is acknowledged when its message is out, so a restart forgets none, and one that RabbitMQ delivers
  again is known by its ``message_id``. Only a message whose answer is lost may come twice. The same words
  about the same thing are not repeated within ``--quiet`` seconds.
* At most one message in ``--interval`` seconds. It is tried again while the other side refuses or is away.
* The token is a part of the address, so neither is ever printed.

Install: ``pip install sapi-broker``. The token is in TELEGRAM_TOKEN, or in a file that TELEGRAM_TOKEN_FILE
names; BROKER_URL is of the environment or ``.env``. Run it::

    export TELEGRAM_TOKEN_FILE=telegram.token
    python examples/notifier.py --chat 123456789 --language ko

``--url`` is a template for another service that takes ``{"chat_id": …, "text": …}`` as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import orjson
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from broker_client import AsyncClient, BrokerError
from broker_client.address import HEARTBEAT, url_list
from broker_client.protocol import EVENTS_EXCHANGE

TELEGRAM = "https://api.telegram.org/bot{token}/sendMessage"
QUEUE: dict[str, Any] = {"x-max-length": 10_000, "x-overflow": "drop-head", "x-expires": 86_400_000}
TOPICS = ["order.#", "orders.#", "worker.#", "connection.#", "host.#", "subscription.*.dropped"] + [
    f"stream.*.{state}" for state in ("stale", "live", "refused", "failing", "back")
]
GOOD = {"accepted", "partially_filled", "filled", "live", "back", "restored", "started", "ready", "resumed"}
ABOUT = ("task_id", "order_no", "key", "vendor", "worker")
"""What an event is about: the first of these that it has."""
RETURNS = {"live": "stale", "back": "failing"}
"""Told only after the trouble that it is the end of."""

TEXTS = {
    "en": {
        "order": "{mark} {state}: {action} {quantity} {ticker}{fills}",
        "fills": ", {filled_quantity} filled at {average_price}",
        "unknown": "{mark} OUTCOME UNKNOWN: {action} {quantity} {ticker}. Do not repeat it: it is looked up.",
        "orders": "{mark} all orders {state} by {by}",
        "stream": "{mark} feed {vendor} {key}: {state}",
        "connection": "{mark} connection of {who}: {state}",
        "subscription": "{mark} subscription {task_id}: {state}",
        "host": "{mark} {vendor} on Windows: {state}",
        "worker": "{mark} worker {worker}: {state}",
        "away": "{mark} no worker answers",
        "answers": "{mark} worker {worker} answers again",
    },
    "ko": {
        "order": "{mark} {state}: {ticker} {quantity}주 {action}{fills}",
        "fills": ", {filled_quantity}주 체결, 평균 {average_price}",
        "unknown": "{mark} 결과 불명: {ticker} {quantity}주 {action}. 확인 중이니 다시 주문하지 마세요.",
        "orders": "{mark} 모든 주문 {state}: {by}",
        "stream": "{mark} 실시간 시세 {vendor} {key}: {state}",
        "connection": "{mark} {who}의 연결: {state}",
        "subscription": "{mark} 구독 {task_id}: {state}",
        "host": "{mark} Windows의 {vendor}: {state}",
        "worker": "{mark} 워커 {worker}: {state}",
        "away": "{mark} 응답하는 워커가 없습니다",
        "answers": "{mark} 워커 {worker}가 다시 응답합니다",
    },
}
KOREAN = {
    "accepted": "접수",
    "rejected": "거부",
    "refused": "거절",
    "halted": "중지",
    "resumed": "재개",
    "not_sent": "미전송",
    "filled": "체결 완료",
    "partially_filled": "일부 체결",
    "cancelled": "취소",
    "rejected_by_exchange": "거래소 거부",
    "buy": "매수",
    "sell": "매도",
    "modify": "정정",
    "cancel": "취소",
    "stale": "갱신 멈춤",
    "live": "정상",
    "failing": "연결 실패",
    "back": "복구",
    "dropped": "종료",
    "lost": "끊김",
    "restored": "복구",
    "started": "시작",
    "stopping": "종료",
    "login_required": "로그인 필요",
    "ready": "준비 완료",
}


class Stopped(Exception):
    """The notifier is to end."""


class Notifier:
    """Reads events, and posts messages about them."""

    def __init__(self, options: argparse.Namespace, address: str, http: aiohttp.ClientSession) -> None:
        self.options, self.address, self.http = options, address, http
        self.urls = cycle(url_list(None))  # the hosts of a cluster are tried in turn
        self.inbox: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self.stopping = asyncio.Event()
        self.posting = asyncio.Lock()
        self.sent: OrderedDict[Hashable, float] = OrderedDict()
        self.troubles: set[tuple[str, str]] = set()

    def stop(self) -> None:
        """End; what is not out yet stays in the queue."""
        self.stopping.set()
        self.inbox.put_nowait(None)

    async def run(self) -> None:
        """Notify until `stop`, over as many connections as it takes."""
        with suppress(Stopped):
            while True:
                try:
                    await self.listen()
                except (AMQPError, ConnectionError, TimeoutError) as error:
                    print(f"no connection to RabbitMQ, again in 2 s: {error}", flush=True)
                await self.pause(2)

    async def listen(self) -> None:
        """Notify over one connection. What was not acknowledged comes again over the next one."""
        self.inbox = asyncio.Queue()
        async with await aio_pika.connect(next(self.urls), heartbeat=HEARTBEAT) as connection:
            connection.close_callbacks.add(lambda *_: self.inbox.put_nowait(None))
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=100)
            queue = await channel.declare_queue(
                f"notifier.{self.options.name}", durable=True, arguments=QUEUE
            )
            for topic in TOPICS:
                await queue.bind(EVENTS_EXCHANGE, topic)
            await queue.consume(self.inbox.put, exclusive=True)
            print("listening", flush=True)
            while (message := await self.inbox.get()) is not None:
                await self.notify(message)
                await message.ack()

    async def notify(self, message: AbstractIncomingMessage) -> None:
        """Post what an event is worth, unless it was posted before."""
        event = orjson.loads(message.body)
        state = (message.routing_key or "").rpartition(".")[2]
        about = str(next(event[each] for each in ABOUT if event.get(each)))
        if state in RETURNS and event["type"] in ("stream", "connection"):
            if (about, RETURNS[state]) not in self.troubles:
                return
            self.troubles.discard((about, RETURNS[state]))
        elif state in RETURNS.values():
            self.troubles.add((about, state))
        text = self.text("unknown" if state == "unknown" else event["type"], state, event)
        identity = message.message_id or message.body
        if identity not in self.sent and not self.is_repeated((about, text)):
            await self.post(text)
            self.note(identity)
            self.note((about, text))

    def text(self, kind: str, state: str, event: dict[str, Any]) -> str:
        """Words for an event."""
        texts = TEXTS[self.options.language]
        words = {name: "–" if value is None else value for name, value in event.items()}
        words |= {"mark": "✅" if state in GOOD else "⚠️", "state": state}
        words["who"] = event.get("vendor") or event.get("worker")
        if self.options.language == "ko":
            words |= {
                each: KOREAN.get(words[each], words[each]) for each in {"state", "action"} & words.keys()
            }
        words["fills"] = texts["fills"].format_map(words) if event.get("filled_quantity") else ""
        reason = event.get("reason")
        return texts.get(kind, "{mark} {type}: {state}").format_map(words) + (f"\n{reason}" if reason else "")

    def is_repeated(self, identity: Hashable) -> bool:
        """Whether the same was sent a moment ago."""
        quiet: float = self.options.quiet
        return time.monotonic() - self.sent.get(identity, float("-inf")) < quiet

    def note(self, identity: Hashable) -> None:
        """Remember what was sent; the last thousands are enough."""
        self.sent[identity] = time.monotonic()
        if len(self.sent) > 10_000:
            self.sent.popitem(last=False)

    async def post(self, text: str) -> None:
        """Send one message, however long it takes.

        Raises:
            Stopped: It is not out, and the notifier is to end.
        """
        async with self.posting:
            delay = 1.0
            while True:
                try:
                    body = {"chat_id": self.options.chat, "text": text}
                    async with self.http.post(self.address, json=body) as answer:
                        status, document = answer.status, await answer.read()
                except (aiohttp.ClientError, TimeoutError) as error:
                    trouble = type(error).__name__  # its text may have the address, and so the token
                else:
                    if status < 300:
                        return await self.pause(self.options.interval)
                    trouble = f"HTTP {status}"
                    if status == 400:  # it will never take this one
                        print(f"a message was refused: {trouble}", flush=True)
                        return None
                    delay = max(delay, retry_after(document))
                print(f"a message is not out, again in {delay:g} s: {trouble}", flush=True)
                await self.pause(delay)
                delay = min(delay * 2, 60.0)

    async def watch(self, client: AsyncClient) -> None:
        """Ask for an answer of a worker now and then: one that was killed tells nothing."""
        is_away = False
        with suppress(Stopped):
            while True:
                await self.pause(self.options.ping)
                try:
                    ping = await client.ping(timeout=self.options.ping)
                except BrokerError as error:
                    if not is_away:
                        await self.post(self.text("away", "away", {"reason": type(error).__name__}))
                    is_away = True
                else:
                    if is_away:
                        await self.post(self.text("answers", "back", {"worker": ping.worker}))
                    is_away = False

    async def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopped: The notifier is to end.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
            raise Stopped


def retry_after(document: bytes) -> float:
    """Seconds that Telegram asks to wait, in the answer 429."""
    try:
        return float(orjson.loads(document)["parameters"]["retry_after"])
    except (ValueError, KeyError, TypeError):
        return 0.0


def read_token() -> str:
    """The token of the environment, or of the file that it names."""
    if path := os.environ.get("TELEGRAM_TOKEN_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    if token := os.environ.get("TELEGRAM_TOKEN"):
        return token
    raise ValueError("TELEGRAM_TOKEN: not set, and TELEGRAM_TOKEN_FILE names no file with the token either")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Tells a chat what happens to orders, feeds and workers.")
    add = parser.add_argument
    add("--chat", required=True, help="the chat's id")
    add("--language", default="en", choices=sorted(TEXTS))
    add("--url", default=TELEGRAM, help="with {token} where the token goes")
    add("--name", default="1", help="of its queue: one for each notifier")
    add("--interval", type=float, default=1.0, help="seconds between two messages, at least")
    add("--quiet", type=float, default=300.0, help="seconds in which the same is not said twice")
    add("--ping", type=float, default=30.0, help="seconds between two questions to a worker")
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    """Notify until Ctrl-C."""
    address = options.url.replace("{token}", read_token())
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as http,
        AsyncClient(name="notifier") as client,
    ):
        notifier = Notifier(options, address, http)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(notifier.stop))
        await asyncio.gather(notifier.run(), notifier.watch(client))


if __name__ == "__main__":
    try:
        asyncio.run(main(parse()))
    except (BrokerError, ValueError, OSError) as error:
        sys.exit(f"stopped: {error}")
