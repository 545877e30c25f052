"""What the platform itself holds: keys, settings and known vulnerabilities."""

from __future__ import annotations

from typing import ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    FloatField,
    ListField,
    LongField,
    StringField,
)

from app.models.fields import now


class PlatformKey(Document):
    """A signing key of our own. The private part is sealed (AES-256-GCM).

    The name holds the purpose and a serial number, so that two processes which need the
    first key at once end up with one.
    """

    name = StringField(primary_key=True)  # npm-signing/1
    purpose = StringField(required=True)
    key_id = StringField(required=True)
    private_sealed = StringField(required=True)
    public_der = StringField(required=True)  # base64 of the SubjectPublicKeyInfo
    created_at = DateTimeField(required=True, default=now)
    expires_at = DateTimeField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "platform_keys",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["purpose", "created_at"]},
            {"fields": ["key_id"], "unique": True},
        ],
    }


class PlatformSettings(Document):
    """What platform admins decide; one row, ``platform``."""

    name = StringField(primary_key=True, default="platform")
    only_admins_create_organizations = BooleanField(default=False)
    default_organization = StringField(default="")
    values = DictField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "platform_settings",
        "auto_create_index": False,
    }


class Advisory(Document):
    """A known vulnerability of a package, as audit endpoints report it."""

    protocol = StringField(required=True)
    package = StringField(required=True)  # normal form
    source_id = StringField(required=True)  # GHSA-…, CVE-… or our own
    number = LongField(required=True)  # small integer for clients that want one
    title = StringField(required=True)
    url = StringField(default="")
    severity = StringField(required=True, choices=("info", "low", "moderate", "high", "critical"))
    vulnerable_versions = StringField(required=True)  # a range in the protocol's own syntax
    patched_versions = StringField(default="")
    overview = StringField(default="")
    cwe = ListField(StringField())
    cvss_score = FloatField(default=0.0)
    cvss_vector = StringField(default="")
    created_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "advisories",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["protocol", "package"]},
            {"fields": ["protocol", "package", "source_id"], "unique": True},
        ],
    }
