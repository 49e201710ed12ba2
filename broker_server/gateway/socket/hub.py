"""Who listens to which topic; a message is written once, however many clients get it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from broker_server.gateway.documents import orderbook_update, price_update, trade_message
from broker_server.gateway.socket import messages
from broker_server.gateway.socket.outbox import Outbox
from broker_server.gateway.socket.topics import Kind, Topic
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Demand
from broker_server.prices.model import Book, Price, Standing, State, TradeTick

TRADES_HELD = 500
"""How many trades of a topic are held for clients that come back."""
LINGER_SECONDS = 30.0
"""How long a channel stays open for them when nobody listens."""

_WAITING = Standing(State.WAITING, "nothing has come in yet")


class Channel:
    """A topic that somebody listens to.

    Args:
        topic: Which.
        board: Where its states come from.
        demand: Kept up while the channel is open.
        epoch: See `messages.status`.
    """

    def __init__(self, topic: Topic, board: PriceBoard, demand: Demand, epoch: str) -> None:
        self.topic = topic
        self._text = topic.text
        self._status_slot = f"{self._text} status"
        self._board = board
        self._epoch = epoch
        self._members: dict[Outbox, None] = {}
        self._trades: deque[tuple[int, str]] = deque(maxlen=TRADES_HELD)
        self._seq: int | None = None
        self._newest: str | None = None
        key = topic.key
        self._leave: list[Callable[[], None]] = [board.listen_standing(key, self._on_standing)]
        if topic.kind is Kind.PRICE:
            self._leave.append(board.listen_price(key, self._on_price))
            self._set(board.price(key))
        elif topic.kind is Kind.ORDERBOOK:
            self._leave.append(board.listen_book(key, self._on_book))
            self._set(board.book(key))
        else:
            self._leave.append(board.listen_trades(key, self._on_trade))
        self._leave.append(demand.want(key, "orderbook" if topic.kind is Kind.ORDERBOOK else "price"))

    def __len__(self) -> int:
        return len(self._members)

    def join(self, client: Outbox) -> None:
        """A client is told the state at once, and every change from now on."""
        self._members[client] = None
        client.answer(messages.subscribed(self._text))
        self._tell_state(client)

    def resume(self, client: Outbox, epoch: str | None, seq: int) -> None:
        """A client comes back, and has everything up to a number.

        What it missed of trades it gets, as far as it is held; of states it gets the newest.
        """
        self._members[client] = None
        client.answer(messages.resumed(self._text, seq))
        if self.topic.kind is Kind.TRADE:
            if epoch != self._epoch or self._seq is None or seq > self._seq:
                client.answer(messages.gap(self._text, None, self._epoch))
            else:
                missed = [text for number, text in self._trades if number > seq]
                lost = self._seq - seq - len(missed)
                if lost:
                    client.answer(messages.gap(self._text, lost, self._epoch))
                for text in missed:
                    client.trade(text)
        self._tell_state(client)

    def leave(self, client: Outbox) -> None:
        """A client hears nothing more of it."""
        self._members.pop(client, None)
        client.drop(self._text)
        client.drop(self._status_slot)

    def close(self) -> None:
        """Nobody listens any more."""
        for leave in self._leave:
            leave()

    def _tell_state(self, client: Outbox) -> None:
        standing = self._board.standing(self.topic.key) or _WAITING
        client.state(self._status_slot, messages.status(self._text, standing, self._epoch))
        if self._newest is not None:
            client.state(self._text, self._newest)

    def _on_standing(self, standing: Standing) -> None:
        text = messages.status(self._text, standing, self._epoch)
        for client in self._members:
            client.state(self._status_slot, text)

    def _on_price(self, price: Price) -> None:
        self._set(price)
        self._publish()

    def _on_book(self, book: Book) -> None:
        self._set(book)
        self._publish()

    def _on_trade(self, trade: TradeTick) -> None:
        if trade.missed != 0:
            lost = messages.gap(self._text, trade.missed, self._epoch)
            for client in self._members:
                client.trade(lost)
        text = messages.text_of(trade_message(trade))
        self._seq = trade.seq
        self._trades.append((trade.seq, text))
        for client in self._members:
            client.trade(text)

    def _set(self, state: Price | Book | None) -> None:
        if state is not None:
            update = price_update(state) if isinstance(state, Price) else orderbook_update(state)
            self._newest = messages.text_of(update)

    def _publish(self) -> None:
        newest = self._newest
        if newest is not None:
            slot = self._text
            for client in self._members:
                client.state(slot, newest)


class Hub:
    """All channels; one is open while somebody listens, and a little longer.

    Args:
        board: What is known.
        demand: Keeps it up to date.
        epoch: A name that no earlier run of the gateway had.
        linger: Seconds that a channel stays open when nobody listens.
    """

    def __init__(
        self, board: PriceBoard, demand: Demand, epoch: str, *, linger: float = LINGER_SECONDS
    ) -> None:
        self._board = board
        self._demand = demand
        self._epoch = epoch
        self._linger = linger
        self._channels: dict[Topic, Channel] = {}

    def topics(self) -> dict[str, int]:
        """How many clients listen, by topic."""
        return {topic.text: len(channel) for topic, channel in self._channels.items()}

    def subscribe(self, client: Outbox, topic: Topic) -> None:
        """See `Channel.join`."""
        self._channel(topic).join(client)

    def resume(self, client: Outbox, topic: Topic, epoch: str | None, seq: int) -> None:
        """See `Channel.resume`."""
        self._channel(topic).resume(client, epoch, seq)

    def unsubscribe(self, client: Outbox, topic: Topic) -> None:
        """See `Channel.leave`."""
        channel = self._channels.get(topic)
        if channel is None:
            return
        channel.leave(client)
        if not len(channel):
            asyncio.get_running_loop().call_later(self._linger, self._close_if_empty, topic, channel)

    def _close_if_empty(self, topic: Topic, channel: Channel) -> None:
        if not len(channel) and self._channels.get(topic) is channel:
            del self._channels[topic]
            channel.close()

    def _channel(self, topic: Topic) -> Channel:
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = Channel(topic, self._board, self._demand, self._epoch)
        return channel
