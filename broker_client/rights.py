"""What RabbitMQ says when a user lacks a right, in words of rights."""

from __future__ import annotations

import re

__all__ = ["missing_right"]

_REFUSED = re.compile(
    r"(?:(?P<right>configure|write|read) )?access to (?P<kind>queue|exchange|topic) '(?P<name>[^']*)'"
    r".*?refused for user '(?P<user>[^']*)'",
    re.DOTALL,
)


def missing_right(text: str, right: str | None = None) -> str | None:
    """Which right a user lacks, by the text of a refusal (403); ``None`` for another text.

    Args:
        text: As RabbitMQ writes it. From 3.13 on it names the right; 3.10 leaves it out.
        right: configure, write or read: what the refused request needs.
    """
    found = _REFUSED.search(text)
    if found is None:
        return None
    needed = found["right"] or right
    lacks = f"has no {needed} right on" if needed else "may not use"
    return (
        f"RabbitMQ user {found['user']!r} {lacks} the {found['kind']} {found['name']!r}; "
        f"docs/topics/security.md names the rights that each user needs"
    )
