"""The registry's own signing keys for npm: made once, kept sealed, listed for ever."""

from __future__ import annotations

from mongoengine import NotUniqueError

from app.auth import secrets
from app.extensions import coherence
from app.models import PlatformKey, in_transaction
from app.protocols.npm.signatures import PublishedKey, SigningKey

PURPOSE = "npm-signing"
_FIRST = f"{PURPOSE}/1"
_TAG = "platform"


def signing_key() -> SigningKey:
    """Return the key that signs now, made at the first need."""

    def load() -> SigningKey:
        coherence.depends_on(_TAG)
        row = _newest() or _make_first()
        return SigningKey.from_private(secrets.unseal(row.private_sealed, PURPOSE))

    return coherence.cached((PURPOSE, "key"), load)


def published_keys() -> list[PublishedKey]:
    """Return every key that ever signed, oldest first, so that old signatures verify."""
    signing_key()

    def load() -> list[PublishedKey]:
        coherence.depends_on(_TAG)
        rows = PlatformKey.objects(purpose=PURPOSE).order_by("created_at", "name")
        return [
            PublishedKey(key_id=row.key_id, public_der=row.public_der, expires_at=row.expires_at)
            for row in rows
        ]

    return coherence.cached((PURPOSE, "published"), load)


def _newest() -> PlatformKey | None:
    found: PlatformKey | None = (
        PlatformKey.objects(purpose=PURPOSE, expires_at=None).order_by("-created_at").first()
    )
    return found


def _make_first() -> PlatformKey:
    """Make the first key; of several processes that try, one succeeds and all use its key."""
    key = SigningKey.generate()
    row = PlatformKey(
        name=_FIRST,
        purpose=PURPOSE,
        key_id=key.key_id,
        private_sealed=secrets.seal(key.private_text, PURPOSE),
        public_der=key.public_der,
    )
    try:
        coherence.change({_TAG}, lambda: in_transaction(lambda: row.save(force_insert=True)))
    except NotUniqueError:
        row = PlatformKey.objects(name=_FIRST).get()
    return row
