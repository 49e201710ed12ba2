"""AES-256-CBC in plain Python: the tests' own, so that the product's library is not measured by itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cache

from broker_server.vendors.kis.frames import CipherKeys
from broker_server.vendors.kis.notices import UndecryptableNotice, remove_padding

_ROUNDS = 14
_BLOCK = 16


def seal(text: str, cipher: CipherKeys) -> str:
    """Encrypt a payload as KIS does."""
    plain = text.encode()
    length = _BLOCK - len(plain) % _BLOCK
    padded = plain + bytes([length]) * length
    keys, previous, sealed = _expand(cipher.key.encode()), cipher.iv.encode(), b""
    for block in _blocks(padded):
        previous = _encrypt(_xor(block, previous), keys)
        sealed += previous
    return base64.b64encode(sealed).decode()


def unseal(payload: str, cipher: CipherKeys) -> str:
    """Decrypt it: what `notices.decrypt_notice` does."""
    try:
        sealed = base64.b64decode(payload, validate=True)
        if len(sealed) % _BLOCK:
            raise ValueError("not whole blocks")
        keys, previous, padded = _expand(cipher.key.encode()), cipher.iv.encode(), b""
        for block in _blocks(sealed):
            padded += _xor(_decrypt(block, keys), previous)
            previous = block
        return remove_padding(padded).decode()
    except ValueError:
        raise UndecryptableNotice("its key does not open the notice") from None


def _blocks(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _substitution() -> tuple[bytes, bytes]:
    forward = bytearray(256)
    for value in range(256):
        inverse = next((other for other in range(256) if _times(value, other) == 1), 0)
        turned = inverse
        for shift in range(1, 5):
            turned ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        forward[value] = turned ^ 0x63
    backward = bytearray(256)
    for value, substitute in enumerate(forward):
        backward[substitute] = value
    return bytes(forward), bytes(backward)


_FORWARD, _BACKWARD = _substitution()
_MULTIPLES = {
    factor: bytes(_times(factor, value) for value in range(256)) for factor in (1, 2, 3, 9, 11, 13, 14)
}
_SHIFT = [(4 * (column + row) + row) % 16 for column in range(4) for row in range(4)]
_UNSHIFT = [(4 * (column - row) + row) % 16 for column in range(4) for row in range(4)]


@cache
def _expand(key: bytes) -> list[bytes]:
    words = [key[start : start + 4] for start in range(0, 32, 4)]
    constant = 1
    while len(words) < 4 * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % 8 == 0:
            word = (word[1:] + word[:1]).translate(_FORWARD)
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _times(constant, 2)
        elif len(words) % 8 == 4:
            word = word.translate(_FORWARD)
        words.append(_xor(words[-8], word))
    return [b"".join(words[start : start + 4]) for start in range(0, len(words), 4)]


def _mix(state: bytes, factors: tuple[int, int, int, int]) -> bytes:
    a, b, c, d = (_MULTIPLES[factor] for factor in factors)
    mixed = bytearray()
    for start in range(0, 16, 4):
        w, x, y, z = state[start : start + 4]
        mixed += bytes(
            (
                a[w] ^ b[x] ^ c[y] ^ d[z],
                d[w] ^ a[x] ^ b[y] ^ c[z],
                c[w] ^ d[x] ^ a[y] ^ b[z],
                b[w] ^ c[x] ^ d[y] ^ a[z],
            )
        )
    return bytes(mixed)


def _encrypt(block: bytes, keys: list[bytes]) -> bytes:
    state = _xor(block, keys[0])
    for number in range(1, _ROUNDS + 1):
        state = state.translate(_FORWARD)
        state = bytes(state[place] for place in _SHIFT)
        if number < _ROUNDS:
            state = _mix(state, (2, 3, 1, 1))
        state = _xor(state, keys[number])
    return state


def _decrypt(block: bytes, keys: list[bytes]) -> bytes:
    state = _xor(block, keys[_ROUNDS])
    for number in range(_ROUNDS - 1, -1, -1):
        state = bytes(state[place] for place in _UNSHIFT)
        state = _xor(state.translate(_BACKWARD), keys[number])
        if number:
            state = _mix(state, (14, 11, 13, 9))
    return state
