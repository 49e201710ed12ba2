"""Text that must not be shown."""

from __future__ import annotations


class PersonalText(str):
    """An HTS ID: text in every respect, but not in any ``repr``, of what holds it neither.

    It is equal to the same plain text, and JSON has it as text.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Without the text."""
        return "'**********'"
