"""What workers tell each other when orders are halted or resumed, and when that is good enough."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from broker_client.errors import InternalError, TaskTimeout
from broker_server.amqp.gathering import ControlReply, Gathered


class SwitchCommand(BaseModel):
    """The arguments of a command to halt or resume.

    Attributes:
        at: When it was asked for.
        by: The AMQP user or worker that asks.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    at: AwareDatetime
    by: str = Field(max_length=255)
    reason: str | None = None


class Acknowledgement(BaseModel):
    """What a worker answers: its journal after the command.

    Attributes:
        at: Since when orders are halted; ``None`` when they are not.
        by: Who halted them.
        accounts: What the worker owns, by vendor and alias.
        owners: Who owns each account, as far as its journal knows.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    halted: bool
    at: AwareDatetime | None = None
    by: str | None = None
    reason: str | None = None
    accounts: list[str] = []
    owners: dict[str, str] = {}


def acknowledgement(reply: ControlReply) -> Acknowledgement | None:
    """What a worker says of its journal, or ``None`` when it could not do what was asked."""
    try:
        return Acknowledgement.model_validate(reply.result)
    except ValidationError:
        return None


def owners_answered(replies: Sequence[ControlReply]) -> bool:
    """Whether every owner of an account that one of the journals knows is among those that answered."""
    return not _silent_owners(replies)


def ensure_acknowledged(gathered: Gathered, *, halted: bool, seconds: float) -> list[str]:
    """Make sure that everybody did what was asked; returns the names.

    Args:
        halted: What was asked: to halt, or to resume.
        seconds: How long they had, for the message.

    Raises:
        TaskTimeout: Somebody did not answer.
        InternalError: Somebody could not do it.
    """
    done, failed = [], []
    for reply in gathered.replies:
        told = acknowledgement(reply)
        if told is None:
            failed.append(f"{reply.worker} ({reply.error or 'its answer cannot be read'})")
        elif told.halted is not halted:
            failed.append(f"{reply.worker} (a later halt by {told.by} is in force: {told.reason})")
        else:
            done.append(reply.worker)
    silent_owners = _silent_owners(gathered.replies)
    silent = [f"{owner} (owner of {accounts})" for owner, accounts in silent_owners.items()]
    silent += [name for name in gathered.missing_names() if name not in silent_owners]
    if not silent and not failed:
        return sorted(done)
    problems = [f"no answer within {seconds:g} s from {', '.join(silent)}"] if silent else []
    problems += [f"not done by {', '.join(failed)}"] if failed else []
    message = (
        f"orders are {'halted' if halted else 'resumed'} on {', '.join(sorted(done)) or 'no worker'} only: "
        f"{'; '.join(problems)}; repeat the command until it succeeds"
    )
    raise TaskTimeout(message) if silent else InternalError(message, retryable=True)


def _silent_owners(replies: Sequence[ControlReply]) -> dict[str, str]:
    """The owners that did not answer, each with what it owns."""
    heard = {reply.worker for reply in replies}
    accounts: dict[str, set[str]] = {}
    for told in map(acknowledgement, replies):
        for account, owner in (told.owners if told else {}).items():
            if owner not in heard:
                accounts.setdefault(owner, set()).add(account)
    return {owner: " and ".join(sorted(owned)) for owner, owned in sorted(accounts.items())}
