"""Registry signatures: proof that a version came from this registry as it is.

Spec: npm, "ECDSA registry signatures". ECDSA on P-256 with SHA-256, over the text
``<name>@<version>:<integrity>``; ``npm audit signatures`` checks it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.protocols.npm.rendering import timestamp

_KEY_TYPE = "ecdsa-sha2-nistp256"


@dataclass(frozen=True, kw_only=True)
class PublishedKey:
    """The public half of a signing key, as clients see it.

    Attributes:
        key_id: ``SHA256:`` and the fingerprint of the key, in base64 without padding.
        public_der: base64 of the SubjectPublicKeyInfo.
        expires_at: signatures of what is published later are not valid; none: never.
    """

    key_id: str
    public_der: str
    expires_at: datetime | None = None


class SigningKey:
    """A key that signs versions.

    Attributes:
        key_id, public_der: as of :class:`PublishedKey`.
        private_text: the private half, to be sealed wherever it is stored: base64 of
            unencrypted PKCS #8.
    """

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(private_key.curve, ec.SECP256R1):
            raise ValueError("npm verifies signatures of P-256 keys only")  # noqa: TRY004  of its curve
        self._private_key = private_key
        der = private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode("ascii")
        self.key_id = "SHA256:" + fingerprint.rstrip("=")
        self.public_der = base64.b64encode(der).decode("ascii")

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_private(cls, private_text: str) -> Self:
        """Load a key from its ``private_text``.

        Raises:
            ValueError: it is not one.
        """
        pkcs8 = base64.b64decode(private_text, validate=True)
        private_key = serialization.load_der_private_key(pkcs8, password=None)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey):
            raise ValueError("not an elliptic curve key")  # noqa: TRY004  the bytes are wrong
        return cls(private_key)

    @property
    def private_text(self) -> str:
        """Return the private half."""
        pkcs8 = self._private_key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return base64.b64encode(pkcs8).decode("ascii")

    def sign(self, name: str, number: str, integrity: str) -> dict[str, str]:
        """Sign one version, as an element of ``dist.signatures``.

        Args:
            name: with its scope.
            number: without build metadata.
            integrity: as ``dist.integrity`` shows it.
        """
        message = f"{name}@{number}:{integrity}".encode()
        signature = self._private_key.sign(message, ec.ECDSA(hashes.SHA256()))
        return {
            "keyid": self.key_id,
            "sig": base64.b64encode(signature).decode("ascii"),
        }


def keys_document(keys: Iterable[PublishedKey]) -> dict[str, list[dict[str, str | None]]]:
    """Return the answer to ``GET /-/npm/v1/keys``; expired keys stay in it."""
    return {
        "keys": [
            {
                "expires": None if key.expires_at is None else timestamp(key.expires_at),
                "keyid": key.key_id,
                "keytype": _KEY_TYPE,
                "scheme": _KEY_TYPE,
                "key": key.public_der,
            }
            for key in keys
        ]
    }
