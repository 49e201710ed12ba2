"""What the browser tests need is found, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker_server.amqp.private_node.debian import NotInstalled
from tests.support import chromium


def test_what_is_installed_is_found(tmp_path: Path) -> None:
    assert chromium.find_chromium(tmp_path) is None
    assert chromium.find_korean_font(tmp_path) is None
    program = tmp_path / "usr/bin/chromium"
    font = tmp_path / "usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
    for path in (program, font):
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    assert chromium.find_chromium(tmp_path) == program
    assert chromium.find_korean_font(tmp_path) == font


def test_where_it_cannot_be_installed_the_reason_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "find_chromium", lambda: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotInstalled, match=r"install the package chromium, or leave out tests/browser"):
        chromium.ensure_chromium()
