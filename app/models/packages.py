"""Packages, versions, files, and who holds which name."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from mongoengine import (
    BinaryField,
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentListField,
    EnumField,
    IntField,
    LazyReferenceField,
    ListField,
    LongField,
    ObjectIdField,
    StringField,
)

from app.models.fields import now
from app.models.identity import User
from app.models.organizations import Organization
from app.models.repositories import Repository

_SEPARATORS = str.maketrans("", "", "-_.")


def similarity_key(name: str) -> str:
    """Fold what people confuse: case, and ``-``, ``_``, ``.``."""
    return name.lower().translate(_SEPARATORS)


class NameClaim(Document):
    """A flat name's holder at the platform scope: the first to publish it anywhere."""

    protocol = StringField(required=True)
    name = StringField(required=True)  # normal form
    similarity_key = StringField(required=True)
    organization = LazyReferenceField(Organization, required=True, dbref=False)

    meta: ClassVar[dict[str, object]] = {
        "collection": "name_claims",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["protocol", "name"], "unique": True},
            {"fields": ["protocol", "similarity_key"], "unique": True},
            {"fields": ["organization"]},
        ],
    }


class DistTag(EmbeddedDocument):
    """A movable name for one version."""

    name = StringField(required=True)
    number = StringField(required=True)


class Package(Document):
    """One name of one protocol in one organization.

    It outlives its versions: with ``deleted_at`` it is a tombstone that keeps the name.
    """

    protocol = StringField(required=True)
    organization = LazyReferenceField(Organization, required=True, dbref=False)
    repository = LazyReferenceField(Repository, required=True, dbref=False)
    name = StringField(required=True)  # normal form: the key
    display_name = StringField(required=True)  # as its publisher spells it
    revision = LongField(required=True, default=0)  # bumped by every change a reader could see
    tags = EmbeddedDocumentListField(DistTag)
    owners = ListField(ObjectIdField())  # users: npm maintainers, crate and gem owners
    starred_by = ListField(ObjectIdField())  # users
    summary = StringField(default="")
    keywords = ListField(StringField())
    latest_number = StringField(default="")
    published_at = DateTimeField()  # of the newest version; none: nothing visible yet
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)
    deleted_at = DateTimeField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "packages",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["protocol", "organization", "name"], "unique": True},
            {"fields": ["protocol", "name"]},
            {"fields": ["repository", "name"]},
        ],
    }


class VersionState(StrEnum):
    """How far a version has come."""

    CLAIMED = "claimed"  # its number is taken, its bytes are on their way; invisible
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"  # was published and deleted; its number stays taken


class File(EmbeddedDocument):
    """One artifact of a version."""

    filename = StringField(required=True)
    key = StringField(required=True)  # in the object store; recorded, never recomputed
    size_bytes = LongField(required=True)
    sha256 = StringField(required=True)  # hexadecimal, as are all digests here
    sha1 = StringField(default="")
    sha512 = StringField(default="")
    md5 = StringField(default="")
    media_type = StringField(default="application/octet-stream")


class Version(Document):
    """One immutable version of one package."""

    package = LazyReferenceField(Package, required=True, dbref=False)
    number = StringField(required=True)  # normal form: the key
    display_number = StringField(required=True)  # as its publisher spells it
    state = EnumField(VersionState, required=True, default=VersionState.CLAIMED)
    claim_id = StringField(required=True)  # the publish that may still finish it
    attempt = IntField(required=True, default=0)  # earlier publishes of this number that died
    files = EmbeddedDocumentListField(File)
    manifest = BinaryField()  # the protocol's own JSON about this version, rebuilt from the file
    facts = DictField()  # what the protocol's renderer wants beside the manifest
    readme = StringField(default="")
    deprecated = StringField(default="")  # the message; empty: not deprecated
    is_yanked = BooleanField(default=False)
    yank_reason = StringField(default="")
    published_by = LazyReferenceField(User, dbref=False)
    claimed_at = DateTimeField(required=True, default=now)
    published_at = DateTimeField()  # UTC; none until published, never rewritten
    withdrawn_at = DateTimeField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "versions",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["package", "number"], "unique": True},
            {"fields": ["state", "claimed_at"]},
            {"fields": ["files.key"]},
        ],
    }
