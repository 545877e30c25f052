"""What an API token looks like.

``srg_``, thirty random base62 digits (178 bits), and six that check them: a token that
was cut or mistyped is told apart without a look-up, and scanners for leaked secrets find
``srg_[0-9A-Za-z]{36}``.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "srg_"

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_DIGITS = 30
_CHECK_DIGITS = 6
_SHOWN_CHARACTERS = len(PREFIX) + 4
_FORM = re.compile(f"{PREFIX}[0-9A-Za-z]{{{_RANDOM_DIGITS + _CHECK_DIGITS}}}")


def new_token() -> str:
    """Return a new token's secret text."""
    body = PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_DIGITS))
    return body + _check_digits(body)


def is_token_like(text: str) -> bool:
    """Say whether this is meant as a token, and no password or name."""
    return text.startswith(PREFIX)


def is_well_formed(text: str) -> bool:
    """Say whether a token of ours could look so: its form and its check digits are right."""
    return (
        _FORM.fullmatch(text) is not None
        and _check_digits(text[:-_CHECK_DIGITS]) == text[-_CHECK_DIGITS:]
    )


def digest(token: str) -> str:
    """Return what is kept of a token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown_prefix(token: str) -> str:
    """Return the beginning that lists show, too short to help a guesser."""
    return token[:_SHOWN_CHARACTERS]


def _check_digits(body: str) -> str:
    checksum = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECK_DIGITS):
        checksum, digit = divmod(checksum, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
