"""TLS in front of a port that has none, with whichever certificate a test wants."""

from __future__ import annotations

import asyncio
import ssl

from tests.support.certificates import Certificate
from tests.support.tcp_proxy import TcpProxy


class TlsProxy(TcpProxy):
    """Takes TLS off.

    Args:
        certificate: What it presents at first.
    """

    def __init__(self, target_host: str, target_port: int, certificate: Certificate) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.present(certificate)
        super().__init__(target_host, target_port)

    def present(self, certificate: Certificate) -> None:
        """Present another certificate from now on."""
        self._context.load_cert_chain(certificate.chain, certificate.key)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._listener, ssl=self._context)
