from __future__ import annotations

import base64

import pytest

from broker_server.vendors.kis.codec import Decrypt, decode_records
from broker_server.vendors.kis.frames import CipherKeys, DataFrame, Reason, parse_frame
from broker_server.vendors.kis.notices import UndecryptableNotice, decrypt_notice, remove_padding
from tests.support.aes import seal, unseal
from tests.support.kis_stream import CIPHER, lines_of, sealed_frames

OTHER = CipherKeys("z" * 32, CIPHER.iv)
PLAIN_TEXTS = [line.removeprefix("# ") for line in lines_of(starting="# TESTHTS^")]


def frame(text: str) -> DataFrame:
    parsed = parse_frame(text)
    assert isinstance(parsed, DataFrame)
    return parsed


@pytest.fixture(params=["library", "plain"])
def decrypt(request: pytest.FixtureRequest) -> Decrypt:
    """The product's way, and the tests' own, which stands in for it where the library is not installed."""
    if request.param == "plain":
        return unseal
    pytest.importorskip("Crypto", reason="pycryptodome is not installed")
    return decrypt_notice


def test_the_notices_sealed_by_openssl_open(decrypt: Decrypt) -> None:
    payloads = [text.split("|", 3)[3] for text in sealed_frames()[1:]]
    assert [decrypt(payload, CIPHER) for payload in payloads] == PLAIN_TEXTS
    assert [seal(text, CIPHER) for text in PLAIN_TEXTS] == payloads


@pytest.mark.parametrize(
    "payload", ["", "!", "AAAA", "한글", "QUJD" * 7, base64.b64encode(bytes(32)).decode()]
)
def test_what_does_not_open_is_one_error(decrypt: Decrypt, payload: str) -> None:
    with pytest.raises(UndecryptableNotice):
        decrypt(payload, CIPHER)


def test_another_key_does_not_open(decrypt: Decrypt) -> None:
    with pytest.raises(UndecryptableNotice):
        decrypt(sealed_frames()[1].split("|", 3)[3], OTHER)


def test_another_initialisation_vector_spoils_the_first_block_and_the_width_shows_it() -> None:
    other = CipherKeys(CIPHER.key, "z" * 16)
    (found,) = decode_records(frame(sealed_frames()[1]), None, other, decrypt=unseal).quarantined
    assert found.reason in (Reason.TOO_SHORT, Reason.UNDECRYPTABLE)


@pytest.mark.parametrize("padded", [b"", b"abc\x00", b"abc\x11" * 8, b"abc\x02", b"\x05\x05"])
def test_wrong_padding_is_found(padded: bytes) -> None:
    with pytest.raises(ValueError, match="padding"):
        remove_padding(padded)


def test_several_records_may_be_in_one_sealed_frame() -> None:
    one, two = (
        decode_records(frame(text), {"TESTHTS"}, CIPHER, decrypt=unseal) for text in sealed_frames()[1:]
    )
    assert [record.fields["CNTG_QTY"] for record in one.records] == [3]
    assert [record.fields["CNTG_QTY"] for record in two.records] == [3, 7]
    assert not one.quarantined
    assert not two.quarantined


def test_without_the_key_of_its_tr_a_notice_waits_in_quarantine() -> None:
    (found,) = decode_records(frame(sealed_frames()[0]), {"HTS"}).quarantined
    assert (found.reason, found.tr_id) == (Reason.NO_CIPHER, "H0EUCNI0")
    (found,) = decode_records(frame(sealed_frames()[0]), {"HTS"}, CIPHER, decrypt=unseal).quarantined
    assert (found.reason, found.tr_id) == (Reason.UNDECRYPTABLE, "H0EUCNI0")


def test_the_flag_of_the_frame_says_what_is_encrypted_not_the_table() -> None:
    found = decode_records(frame(f"0|H0STCNI0|001|{PLAIN_TEXTS[0]}"), {"TESTHTS"})
    assert len(found.records) == 1


def test_a_notice_is_not_compared_with_the_subscribed_id() -> None:
    found = decode_records(frame(sealed_frames()[1]), {"testhts"}, CIPHER, decrypt=unseal)
    assert found.records[0].key == "TESTHTS"


def test_personal_data_are_in_no_log() -> None:
    (record,) = decode_records(frame(sealed_frames()[1]), None, CIPHER, decrypt=unseal).records
    assert record.fields["ACNT_NO"] == "1234567801"
    assert "1234567801" not in repr(record)
    assert "홍길동" not in f"{record}"
