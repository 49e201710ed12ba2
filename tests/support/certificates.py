"""Certificates for tests of TLS, by a CA that nobody else trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files.

    Attributes:
        ca: The certificate of the CA.
        chain: The certificate.
        key: Its private key.
    """

    ca: Path
    chain: Path
    key: Path


class Authority:
    """A CA.

    Args:
        folder: For its files and those of what it issues.
        name: In the file names.
    """

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, *identities: str, name: str | None = None, expired: bool = False) -> Certificate:
        """Issue a certificate.

        Args:
            identities: Host names and addresses that it is for.
            name: Its common name.
            expired: It was good until an hour ago.
        """
        ended = datetime.now(UTC) - timedelta(hours=1)
        issued = self._ca.issue_cert(
            *identities,
            common_name=name,
            not_before=ended - timedelta(days=1) if expired else None,
            not_after=ended if expired else None,
        )
        label = name or "-".join(identities)
        beginning = f"{self.file.stem}-{label}{'-expired' if expired else ''}"
        certificate = Certificate(
            self.file, self._folder / f"{beginning}.pem", self._folder / f"{beginning}.key"
        )
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        certificate.chain.write_bytes(chain)
        issued.private_key_pem.write_to_path(str(certificate.key))
        certificate.key.chmod(0o600)
        return certificate
