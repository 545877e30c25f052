from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.protocols.npm.signatures import PublishedKey, SigningKey, keys_document
from tests.unit.protocols.npm.artifacts import ask_node

INTEGRITY = "sha512-" + "q6ur" * 21 + "qw=="

# As npm's own check of a signature does it.
VERIFY = """
    const crypto = require('node:crypto')
    const { key, sig, messages } = JSON.parse(require('fs').readFileSync(0))
    const pem = `-----BEGIN PUBLIC KEY-----\\n${key.key}\\n-----END PUBLIC KEY-----`
    console.log(JSON.stringify(messages.map(message => {
        const verifier = crypto.createVerify('SHA256')
        verifier.write(message)
        verifier.end()
        return verifier.verify(pem, sig, 'base64')
    })))
"""


def published(key: SigningKey, expires_at: datetime | None = None) -> PublishedKey:
    return PublishedKey(key_id=key.key_id, public_der=key.public_der, expires_at=expires_at)


def test_node_verifies_what_was_signed_and_nothing_else() -> None:
    key = SigningKey.generate()
    signature = key.sign("@acme/thing", "1.4.0", INTEGRITY)
    (listed,) = keys_document([published(key)])["keys"]
    assert signature["keyid"] == listed["keyid"]
    messages = [f"@acme/thing@1.4.0:{INTEGRITY}", f"@acme/thing@1.4.1:{INTEGRITY}"]
    question = {"key": listed, "sig": signature["sig"], "messages": messages}
    assert ask_node(VERIFY, question) == [True, False]


def test_a_key_that_was_stored_signs_as_before() -> None:
    key = SigningKey.generate()
    again = SigningKey.from_private(key.private_text)
    assert (again.key_id, again.public_der) == (key.key_id, key.public_der)
    (listed,) = keys_document([published(key)])["keys"]
    question = {
        "key": listed,
        "sig": again.sign("x", "1.0.0", INTEGRITY)["sig"],
        "messages": [f"x@1.0.0:{INTEGRITY}"],
    }
    assert ask_node(VERIFY, question) == [True]


def test_keys_are_listed_with_their_end() -> None:
    old, new = SigningKey.generate(), SigningKey.generate()
    ended = datetime(2026, 3, 1, tzinfo=UTC)
    assert keys_document([published(old, ended), published(new)]) == {
        "keys": [
            {
                "expires": "2026-03-01T00:00:00.000Z",
                "keyid": old.key_id,
                "keytype": "ecdsa-sha2-nistp256",
                "scheme": "ecdsa-sha2-nistp256",
                "key": old.public_der,
            },
            {
                "expires": None,
                "keyid": new.key_id,
                "keytype": "ecdsa-sha2-nistp256",
                "scheme": "ecdsa-sha2-nistp256",
                "key": new.public_der,
            },
        ]
    }
    assert keys_document([]) == {"keys": []}


def test_a_key_id_is_a_fingerprint_without_padding() -> None:
    key = SigningKey.generate()
    assert key.key_id.startswith("SHA256:")
    assert len(base64.b64decode(key.key_id.removeprefix("SHA256:") + "=", validate=True)) == 32


@pytest.mark.parametrize("private_text", ["", "AAAA", "not base64"])
def test_what_is_no_key_is_not_loaded(private_text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each library has words of its own
        SigningKey.from_private(private_text)


def test_only_keys_that_npm_can_check_are_loaded() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(ValueError, match="P-256"):
        SigningKey.from_private(base64.b64encode(other).decode())
