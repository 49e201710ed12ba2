"""Structured logs on stderr: for people, or as one JSON object a line. Secrets are blotted out."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Literal, TextIO

import structlog

REDACTED = "‹redacted›"


class _Redactor:
    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            event[key] = self._clean(value)
        return event

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._clean(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(inner) for inner in value]
        return self.clean_text(value) if isinstance(value, str) else value

    def clean_text(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text


class LogHandler(logging.StreamHandler[TextIO]):
    """So that setting the logs up anew replaces it, and nobody else's."""


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """What blots secrets out of a text that is shown to somebody."""
    return _Redactor(secrets).clean_text


def configure_logs(log_format: Literal["console", "json"], level: str, secrets: Iterable[str] = ()) -> None:
    """Set up logging for the process.

    Args:
        log_format: ``console`` or ``json``.
        level: The least severe level that is shown.
        secrets: Values that are replaced wherever they appear.
    """
    redact = _Redactor(secrets)
    renderers: list[Any]
    if log_format == "json":
        # Local variables stay out of the log: keys, tokens and account numbers are among them.
        tracebacks = structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        )
        renderers = [tracebacks, redact, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        renderers = [
            structlog.processors.format_exc_info,  # before the one that redacts, which sees text only
            redact,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # What libraries log has the same form, and goes the same way past the one that redacts.
    handler = LogHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, LogHandler)]
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    # These report every reconnection, pika with stack traces; we say the same in one line.
    for name in ("pika", "aio_pika", "aiormq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def log_defects_of_threads() -> None:
    """A thread that ends by a defect says so in the log, in its form and without secrets."""

    def report(defect: threading.ExceptHookArgs) -> None:
        thread = defect.thread.name if defect.thread is not None else None
        error = defect.exc_value or defect.exc_type
        structlog.get_logger(__name__).error("a thread ended by a defect", thread=thread, exc_info=error)

    threading.excepthook = report
