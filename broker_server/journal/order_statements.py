"""The statements that an order waits for, made once."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Update, and_, bindparam, func, insert, or_, select, update

from broker_server.core.orders import LEFT, UNSETTLED, State
from broker_server.journal.owners import epoch_in_force
from broker_server.journal.tables import order_transitions, orders

_STATES_THAT_COUNT = LEFT | {State.NOT_SENT}
_NOT_OF_THE_ORDER = {"environment", "task_id", "outcome", "reply_to", "correlation_id", "replied"}
_COLUMNS = [column.name for column in orders.c if column.name not in _NOT_OF_THE_ORDER]

INSERT_ORDER = insert(orders)
INSERT_TRANSITION = insert(order_transitions)
FIND = select(orders).where(
    orders.c.environment == bindparam("b_environment"), orders.c.task_id == bindparam("b_task_id")
)

MARK_REPLIED = (
    update(orders)
    .where(
        orders.c.environment == bindparam("b_environment"),
        orders.c.task_id == bindparam("b_task_id"),
        orders.c.outcome == bindparam("b_outcome"),
    )
    .values(replied=True)
)


OBSTACLE = select(orders.c.task_id, orders.c.reason, orders.c.stuck, orders.c.ticker).where(
    orders.c.environment == bindparam("b_environment"),
    orders.c.vendor == bindparam("b_vendor"),
    orders.c.account == bindparam("b_account"),
    orders.c.state.in_([state.value for state in sorted(UNSETTLED)]),
    or_(
        orders.c.fingerprint == bindparam("b_fingerprint"),
        and_(orders.c.action == "modify", orders.c.original == bindparam("b_original")),
        and_(orders.c.stuck, orders.c.ticker == bindparam("b_ticker")),
    ),
)


SENT_ON = (
    select(func.count())
    .select_from(orders)
    .where(
        orders.c.environment == bindparam("b_environment"),
        orders.c.vendor == bindparam("b_vendor"),
        orders.c.account == bindparam("b_account"),
        orders.c.trading_day == bindparam("b_day"),
        orders.c.action != "cancel",
        orders.c.state.in_([state.value for state in sorted(_STATES_THAT_COUNT)]),
    )
)


@cache
def update_statement(fenced: bool, with_outcome: bool) -> Update:
    """The change of one row, if it is still of a version; fenced, if its owner still owns the account."""
    names = [*_COLUMNS, *(("outcome", "replied") if with_outcome else ())]
    conditions = [
        orders.c.environment == bindparam("b_environment"),
        orders.c.task_id == bindparam("b_task_id"),
        orders.c.version == bindparam("b_version"),
    ]
    if fenced:
        in_force = epoch_in_force(bindparam("b_environment"), bindparam("b_vendor"), bindparam("b_account"))
        conditions.append(orders.c.epoch == in_force)
    return update(orders).where(*conditions).values({name: bindparam(name) for name in names})
