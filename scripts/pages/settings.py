"""``docs/settings.md``: every setting, from the models and the comments of ``.env.example``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from broker_server.gateway_settings import GatewaySettings
from broker_server.settings import Settings
from scripts.pages.markdown import GENERATED, code, table
from scripts.pages.models import kind, restrictions

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"
_HEADING = re.compile(r"# ── (?P<title>.+?) ─+")
_SETTING = re.compile(r"(?P<name>[A-Z_]+)=(?P<value>.*)")
_CODE = re.compile(
    r"(?P<span>`[^`]+`)|(?P<code>\w+(?:\+\w+)?://\S*[\w/]|\{.+\}|\b[A-Z][A-Z_]*_[A-Z_]+(?:=\S*\w)?"
    r"|\b[a-z]+_[\w.]*\w|\b(?:kis|kiwoom|koscom|broker)\.[a-z-]+)|(?P<special>[*_<>\[\]])"
)
"""What is code in a comment, and what Markdown would read as a mark."""
_INTRODUCTION = """\
Settings come from the environment, and from the file `.env` in the folder where a command is started; the
environment wins. Copy [.env.example](../.env.example) to `.env` and fill in what you use. A `.env` that
everybody on the machine may read is refused: `chmod 600 .env`.

Any setting may be in a file of its own, which is where a secret belongs:
`KIS_APP_SECRET_FILE=/run/secrets/kis_app_secret` in place of `KIS_APP_SECRET`. What systemd
hands over by `LoadCredential=kis_app_secret:…` is taken likewise.

`broker-server run --simulate`, and so `make run`, does not read `.env`: a trial must not reach the broker of
a real worker by chance. What is in the environment counts there too.

`broker-client` and programs that use the Python client need `BROKER_URL` alone.
"""


@dataclass
class Section:
    """A part of the example: its title, what it says of itself, and its settings in blocks."""

    title: str
    blocks: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)


def settings_page() -> str:
    """The page."""
    parts = [f"# Settings\n\n{GENERATED}{_INTRODUCTION}"]
    for section in sections(EXAMPLE.read_text(encoding="utf-8")):
        rows = [_row(text, settings) for text, settings in section.blocks]
        parts.append(f"\n## {section.title}\n\n{table(('setting', 'default', 'meaning'), rows)}")
    return "".join(parts)


def sections(example: str) -> list[Section]:
    """Take the example apart: a comment belongs to the settings below it, up to the next comment."""
    found: list[Section] = []
    comment: list[str] = []
    for line in example.splitlines():
        heading, setting = _HEADING.fullmatch(line), _SETTING.fullmatch(line)
        if heading:
            found.append(Section(heading["title"]))
            comment = []
        elif setting and found:
            pair = (setting["name"], setting["value"])
            if comment or not found[-1].blocks:
                found[-1].blocks.append((" ".join(comment), [pair]))
            else:
                found[-1].blocks[-1][1].append(pair)
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        elif not line:
            comment = []
    return found


def _row(text: str, settings: list[tuple[str, str]]) -> tuple[str, str, str]:
    names = [code(name) for name, _ in settings]
    defaults = [code(value) if value else "–" for _, value in settings]
    values = dict.fromkeys(_value(name) for name, _ in settings)
    return "<br>".join(names), "<br>".join(defaults), " ".join([_marked(text), *filter(None, values)])


def _value(name: str) -> str:
    """The kind of value that a setting takes where it is not any text, and its bounds."""
    schema = _schemas()[name.lower()]
    words = kind(schema, lambda inner: inner)
    kinds = [
        f"A{'n' if word == 'integer' else ''} {word}."
        for word in ("integer", "number")
        if words.startswith(word)
    ]
    return " ".join(part for part in (*kinds, restrictions(schema)) if part)


def _schemas() -> dict[str, dict[str, object]]:
    return {
        name: schema
        for model in (GatewaySettings, Settings)
        for name, schema in model.model_json_schema()["properties"].items()
    }


def _marked(text: str) -> str:
    """A comment as Markdown."""

    def mark(found: re.Match[str]) -> str:
        if found["span"]:
            return found["span"]
        return code(found["code"]) if found["code"] else f"\\{found['special']}"

    return _CODE.sub(mark, text)
