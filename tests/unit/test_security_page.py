"""The commands of the page about security, as they are written there."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
from pathlib import Path

from broker_client.tls import tls_context

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/topics/security.md").read_text(encoding="utf-8")


def run_commands(folder: Path) -> None:
    server = f'broker-server() {{ PYTHONPATH="{ROOT}" "{sys.executable}" -m broker_server "$@"; }}'
    script = "\n".join([server, *re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)])
    done = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """A handshake in memory; the server's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    return ends[1]


def test_the_commands_make_what_rabbitmq_and_the_clients_need(tmp_path: Path) -> None:
    run_commands(tmp_path)
    document = json.loads((tmp_path / "definitions.json").read_text())
    assert [user["name"] for user in document["users"] if user["password_hash"]] == [
        "worker",
        "gateway",
        "monitoring",
        "trader",
    ]
    tls = tmp_path / "tls"
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tls / "ca.pem"))
    server.load_cert_chain(tls / "server.pem", tls / "server.key")
    server.verify_mode = ssl.CERT_REQUIRED
    own = f"certfile={tls / 'trader.pem'}&keyfile={tls / 'trader.key'}"
    client = tls_context(f"amqps://trader:x@mq.example.com/%2F?cafile={tls / 'ca.pem'}&{own}")
    assert client is not None
    peer = shake_hands(server, client, "mq.example.com").getpeercert()
    assert peer is not None
    assert ((("commonName", "trader"),)) in peer["subject"]


def test_the_settings_and_options_that_the_page_names_exist() -> None:
    known = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", PAGE)):
        assert name.removesuffix("_FILE") in known, name
    for link in re.findall(r"\]\(([\w.-]+\.md)", PAGE):
        assert (ROOT / "docs/topics" / link).exists(), link
