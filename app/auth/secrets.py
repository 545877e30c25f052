"""Seal what must be read again, and derive keys, with the one key of the installation.

``AUTH_ENCRYPTION_KEY`` never leaves this module: others get sealed text, or a key that
is good for one purpose.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.extensions import settings
from config.settings import SettingsError

_FORM = "v1."
_NONCE_BYTES = 12


class UnsealError(Exception):
    """Sealed text that this installation's key does not open, or not for this purpose."""


def seal(plaintext: str, purpose: str) -> str:
    """Encrypt and authenticate ``plaintext`` (AES-256-GCM).

    ``purpose`` says what the secret is for, such as ``upstream-password``. It is authenticated
    with the text, so that a sealed value that is moved to another place does not open there.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_key()).encrypt(nonce, plaintext.encode(), purpose.encode())
    return _FORM + base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, purpose: str) -> str:
    """Return what was sealed for this purpose.

    Raises:
        UnsealError: another key, another purpose, or changed text.
    """
    if not sealed.startswith(_FORM):
        raise UnsealError("not a sealed value")
    try:
        raw = base64.b64decode(sealed.removeprefix(_FORM), altchars=b"-_", validate=True)
        opened = AESGCM(_key()).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise UnsealError("the key does not open this value") from error
    return opened.decode()


def derived_key(purpose: str) -> bytes:
    """Return 32 bytes that are the same in every process, and good for one purpose only."""
    return hmac.digest(_key(), b"packhouse derived key: " + purpose.encode(), "sha256")


def _key() -> bytes:
    key = settings.auth_encryption_key.get_secret_value()
    if not key:
        raise SettingsError("AUTH_ENCRYPTION_KEY: set it to 64 random hexadecimal digits.")
    return bytes.fromhex(key)
