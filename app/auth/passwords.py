"""Keep and check passwords: PBKDF2-HMAC-SHA256, each with a random salt.

A kept password says how it was made, ``pbkdf2_sha256$<iterations>$<salt>$<digest>``, so
that the iterations can be raised without anybody's sign-in failing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import threading
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from flask import current_app

from app.auth.password_rules import LONGEST
from app.errors import Unavailable
from app.extensions import settings
from app.offload import off_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME = "pbkdf2_sha256"
_POSITIVE = re.compile("[1-9][0-9]{0,9}")
_SALT_BYTES = 16
_SLOTS = "packhouse.hashing_slots"
_LONGEST_WAIT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class EncodedPassword:
    """A kept password, taken apart."""

    iterations: int
    salt: bytes
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the stored form.

        Raises:
            ValueError: it is not one.
        """
        parts = text.split("$")
        if len(parts) != 4 or parts[0] != _SCHEME or not _POSITIVE.fullmatch(parts[1]):  # noqa: PLR2004  its four fields
            raise ValueError("not a kept password")
        try:
            salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
        except binascii.Error as error:
            raise ValueError("not a kept password") from error
        return cls(iterations=int(parts[1]), salt=salt, digest=digest)

    def __str__(self) -> str:
        """Write the stored form."""
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"{_SCHEME}${self.iterations}${salt}${digest}"


def hash_password(password: str) -> str:
    """Return what to keep of a password.

    Takes a good part of a second, by design, outside gevent's thread.

    Args:
        password: one that ``password_rules`` let pass.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    iterations = settings.password_iterations
    digest = _derive(password, salt, iterations)
    return str(EncodedPassword(iterations=iterations, salt=salt, digest=digest))


def verify(password: str, kept: str) -> bool:
    """Say whether this is the password that was kept; an empty ``kept`` is nobody's.

    Takes as long for an account without a password, or with one of fewer iterations, as
    for any other: time does not tell which accounts there are.

    Raises:
        Unavailable: too many others are signing in.
    """
    if len(password) > LONGEST:
        # Nobody's. It is not even normalised, in gevent's thread: that takes the square of
        # the number of accents on one letter, and anybody may send megabytes of them.
        password, kept = "", ""
    if not kept:
        _derive(password, b"\0" * _SALT_BYTES, settings.password_iterations)
        return False
    encoded = EncodedPassword.parse(kept)
    digest = _derive(password, encoded.salt, encoded.iterations)
    missing = settings.password_iterations - encoded.iterations
    if missing > 0:
        _derive(password, encoded.salt, missing)
    return hmac.compare_digest(digest, encoded.digest)


def needs_upgrade(kept: str) -> bool:
    """Say whether a kept password has fewer iterations than new ones get."""
    return EncodedPassword.parse(kept).iterations < settings.password_iterations


def _derive(password: str, salt: bytes, iterations: int) -> bytes:
    # One spelling for what keyboards and systems encode differently (NIST SP 800-63B).
    normal = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    with _slot():
        return off_hub(hashlib.pbkdf2_hmac, "sha256", normal, salt, iterations)


@contextmanager
def _slot() -> Iterator[None]:
    """Wait until this process hashes fewer passwords at once than it has processors.

    No lock that anything relies on: it leaves threads of gevent's pool to those who read
    files while someone floods the sign-in, and bounds guessing where Redis cannot.
    """
    slots: threading.BoundedSemaphore = current_app.extensions.setdefault(
        _SLOTS, threading.BoundedSemaphore(os.cpu_count() or 1)
    )
    if not slots.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise Unavailable("Too many people are signing in. Try again in a few seconds.")
    try:
        yield
    finally:
        slots.release()
