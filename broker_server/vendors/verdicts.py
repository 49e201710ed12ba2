"""What an exchange with a vendor came to, where that is no answer of the vendor's own."""

from __future__ import annotations

from broker_client.errors import OrderOutcomeIsUnknown, VendorUnavailable


class UnreadableAnswer(VendorUnavailable):
    """The vendor answered with something that is not what it documents.

    Attributes:
        reason: What is wrong with it, without advice: an order must never be advised to be tried again.
    """

    reason: str = "an unreadable answer"


def unreadable_answer(vendor: str, shown_as: str, what: str) -> UnreadableAnswer:
    """Make that error.

    Args:
        vendor: As in the contract: ``kis``.
        shown_as: As in messages: ``KIS``.
        what: What is wrong with the answer; no value of it, for it may be an account's.
    """
    error = UnreadableAnswer(f"{shown_as} gave an unreadable answer: {what}; try again later", vendor=vendor)
    error.reason = f"{shown_as} gave an unreadable answer: {what}"
    return error


class OrderNotSent(VendorUnavailable):
    """The vendor did not take the order: no byte left, or it was refused before. A new attempt is safe."""


def outcome_unknown(vendor: str, reason: str, code: str = "", text: str = "") -> OrderOutcomeIsUnknown:
    """The error of an order that left and has no verdict.

    Args:
        vendor: As in the contract.
        reason: In words.
        code: The vendor's, if it answered.
        text: Likewise.
    """
    return OrderOutcomeIsUnknown(
        f"the order left and its outcome is unknown ({reason}); do not send it again, "
        "look at the open orders and the order history",
        vendor=vendor,
        vendor_code=code or None,
        vendor_message=text or None,
    )
