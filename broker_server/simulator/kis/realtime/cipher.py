"""AES-256-CBC of notices: a key and an initialisation vector in plain text, base64 of the ciphertext."""

from __future__ import annotations

import base64
import random
import string
from dataclasses import dataclass, field

_LETTERS = string.ascii_lowercase + string.digits
_KEY_LENGTH, _IV_LENGTH = 32, 16


@dataclass(frozen=True, slots=True)
class CipherPair:
    """What an acknowledgement hands out for one TR of one session."""

    key: str = field(repr=False)
    iv: str = field(repr=False)


def make_pair(chance: random.Random) -> CipherPair:
    """A new key and vector."""
    return CipherPair(
        "".join(chance.choices(_LETTERS, k=_KEY_LENGTH)),
        "".join(chance.choices(string.hexdigits[:16], k=_IV_LENGTH)),
    )


def encrypt(text: str, pair: CipherPair) -> str:
    """The payload of an encrypted frame."""
    from Crypto.Cipher import AES  # only sessions with notices need it
    from Crypto.Util.Padding import pad

    aes = AES.new(pair.key.encode(), AES.MODE_CBC, iv=pair.iv.encode())
    return base64.b64encode(aes.encrypt(pad(text.encode(), AES.block_size))).decode()
