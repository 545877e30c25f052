from __future__ import annotations

import base64
import hashlib

import pytest

from app.errors import DigestMismatch, InvalidInput
from app.protocols.npm import integrity
from tests.unit.protocols.npm.artifacts import MemoryStaged

CONTENT = b"some bytes"
STAGED = MemoryStaged(CONTENT)


def announced(algorithm: str, content: bytes = CONTENT) -> str:
    digest = hashlib.new(algorithm, content, usedforsecurity=False).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_each_algorithm_is_checked(algorithm: str) -> None:
    integrity.require_integrity(announced(algorithm), STAGED)
    with pytest.raises(DigestMismatch, match=r"dist\.integrity"):
        integrity.require_integrity(announced(algorithm, b"other"), STAGED)


def test_one_right_digest_of_an_algorithm_is_enough_and_each_algorithm_needs_one() -> None:
    right, wrong = announced("sha512"), announced("sha512", b"other")
    integrity.require_integrity(f"{wrong} {right}", STAGED)
    with pytest.raises(DigestMismatch):
        integrity.require_integrity(f"{right} {announced('sha1', b'other')}", STAGED)


def test_an_algorithm_that_nobody_knows_and_options_are_passed_over() -> None:
    integrity.require_integrity(f"blake3-QUJD\t{announced('sha256')}?foo", STAGED)


@pytest.mark.parametrize(
    "malformed",
    ["sha512", "sha512-", "sha512-QUJD", "sha512-!!!!", "QUJD", "sha1-QUJ", "sha512-" + "A" * 5000],
)
def test_a_malformed_integrity_is_refused(malformed: str) -> None:
    with pytest.raises(InvalidInput, match=r"dist\.integrity must be digests"):
        integrity.require_integrity(malformed, STAGED)


def test_an_empty_integrity_announces_nothing() -> None:
    integrity.require_integrity("", STAGED)


def test_the_shasum_is_a_sha1_in_hexadecimal() -> None:
    integrity.require_shasum(STAGED.digests.sha1.upper(), STAGED)
    with pytest.raises(DigestMismatch, match=r"dist\.shasum"):
        integrity.require_shasum("0" * 40, STAGED)
    for malformed in ("", "0" * 39, "g" * 40, STAGED.digests.sha1 + "\n"):
        with pytest.raises(InvalidInput, match="40 hexadecimal digits"):
            integrity.require_shasum(malformed, STAGED)


def test_what_clients_are_shown_is_what_they_would_check() -> None:
    assert integrity.integrity_of(STAGED.digests.sha512) == announced("sha512")
