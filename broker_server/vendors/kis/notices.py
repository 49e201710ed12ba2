"""The encryption of notices: AES-256-CBC with PKCS#7 padding, in base64.

Every message of a TR is encrypted by itself, with the same key and the same initialisation vector, which the
acknowledgement of the registration brings.
"""

from __future__ import annotations

import base64

from broker_server.vendors.kis.frames import CipherKeys

_BLOCK = 16


class UndecryptableNotice(ValueError):
    """The key does not open it, or it is damaged; the text says no more than that."""


def decrypt_notice(payload: str, cipher: CipherKeys) -> str:
    """Open the payload of a data frame whose flag is ``1``.

    Args:
        payload: Base64.
        cipher: Of the frame's TR.

    Returns:
        The values, in the same grammar as plain ones.

    Raises:
        UndecryptableNotice: It cannot be opened.
    """
    # Only a worker that gets notices loads the library.
    from Crypto.Cipher import AES

    try:
        sealed = base64.b64decode(payload, validate=True)
        aes = AES.new(cipher.key.encode(), AES.MODE_CBC, iv=cipher.iv.encode())
        return remove_padding(aes.decrypt(sealed)).decode()
    except ValueError:  # of base64, of a length, of the padding, of UTF-8
        raise UndecryptableNotice("its key does not open the notice") from None


def remove_padding(padded: bytes) -> bytes:
    """Take PKCS#7 padding off.

    Raises:
        ValueError: It is not padded so: the key was another.
    """
    length = padded[-1] if padded else 0
    if not 1 <= length <= _BLOCK or padded[-length:] != bytes([length]) * length:
        raise ValueError("the padding is wrong")
    return padded[:-length]
