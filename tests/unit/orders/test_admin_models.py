"""What the methods that show orders take."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from broker_client.validation import describe_validation_error
from broker_server.orders.admin_models import ListOrders


@pytest.mark.parametrize("day", ["nonsense", "", "20261126", "2026-1-2", "2026-02-30", "2026-11-26T09:00"])
def test_what_is_no_day_is_refused_with_an_example_of_one(day: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ListOrders(day=day)
    assert describe_validation_error(refused.value) == 'day: must be a date such as "2026-11-20"'


def test_a_day_or_none_is_taken() -> None:
    assert ListOrders(day="2024-02-29").day == "2024-02-29"
    assert ListOrders().day is None
    assert ListOrders(day=None).day is None
