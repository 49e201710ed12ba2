"""Tasks for an order desk under test, and what its results say."""

from __future__ import annotations

import json

from broker_server.core.methods import TaskContext
from broker_server.results import Result
from tests.support.order_office import Desk


def run(desk: Desk, task_id: str = "t-1", method: str = "fake.buy-order", **more: object) -> Result:
    return desk.office.desk.run(desk.task(task_id, method, **more))  # type: ignore[arg-type]


def code(result: Result) -> str | None:
    return None if result.error is None else result.error.code


def replay(result: Result) -> dict[str, object]:
    assert result.replay is not None
    document = json.loads(result.replay)
    assert document["replayed"] is True
    return document  # type: ignore[no-any-return]


def raising(error: BaseException, *, taken: bool = True) -> object:
    def answer(context: TaskContext) -> None:
        if not taken:
            context.not_taken()
        raise error

    return answer
