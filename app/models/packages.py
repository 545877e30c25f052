"""Packages, versions, files, and who holds which name."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import ClassVar

from bson import ObjectId
from mongoengine import (
    BinaryField,
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentListField,
    EnumField,
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


class PackageStatus(StrEnum):
    """Whether a package is cared for (PEP 792's markers)."""

    ACTIVE = "active"
    ARCHIVED = "archived"  # takes no more versions
    QUARANTINED = "quarantined"  # takes none, and gives none
    DEPRECATED = "deprecated"  # another is better


class Package(Document):
    """One name of one protocol in one organization, from its first visible version on.

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
    terms = ListField(StringField())  # that a search compares with; see registry.search_terms
    status = EnumField(PackageStatus, default=PackageStatus.ACTIVE)
    status_reason = StringField(default="")
    alternate_locations = ListField(StringField())  # URLs (PEP 708)
    latest_number = StringField(default="")  # in normal form
    latest_display = StringField(default="")  # as its publisher spells it; empty: as above
    published_at = DateTimeField(required=True)  # of the newest version
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)
    deleted_at = DateTimeField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "packages",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["organization", "protocol", "name"], "unique": True},
            {
                "fields": ["organization", "deleted_at"],
                "partialFilterExpression": {"deleted_at": {"$exists": True}},
            },
            {"fields": ["protocol", "name"]},
            {"fields": ["terms", "name", "_id", "repository"]},
            {"fields": ["updated_at", "_id", "repository"]},
            {"fields": ["repository", "terms", "name", "_id"]},
            {"fields": ["repository", "updated_at", "_id"]},
        ],
    }


class PublishClaim(Document):
    """A number that somebody is publishing; nobody sees it before the version itself is there.

    The index of ``_id`` is what lets one publish of a number go on at a time. It need not
    outlive a crash of MongoDB: a publish whose claim is gone cannot finish.
    """

    id = StringField(primary_key=True)  # see key_of
    attempt = StringField(required=True)  # the one that may still finish
    repository = LazyReferenceField(Repository, required=True, dbref=False)
    keys = ListField(StringField())  # of the objects that it may have made
    expires_at = DateTimeField(required=True)  # from then on it may be taken over

    meta: ClassVar[dict[str, object]] = {
        "collection": "publish_claims",
        "auto_create_index": False,  # and none but that of _id: it holds what is under way
    }

    @staticmethod
    def key_of(
        protocol: str, organization: ObjectId, name: str, number: str, slot: str = ""
    ) -> str:
        """Return the ``_id`` of the claim on a number, or on one slot for a file of it.

        Name and number are in normal form.
        """
        return json.dumps([protocol, str(organization), name, number, *([slot] if slot else [])])


class VersionState(StrEnum):
    """Whether a version is there."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"  # was published and deleted; its number stays taken


class File(EmbeddedDocument):
    """One artifact of a version, or what was taken out of one to be served beside it."""

    filename = StringField(required=True)
    slot = StringField(default="")  # what a version has once, where its files come one by one
    derived_from = StringField(default="")  # the file that this was taken out of, or goes with
    key = StringField(required=True)  # in the object store; recorded, never recomputed
    size_bytes = LongField(required=True)
    sha256 = StringField(required=True)  # hexadecimal, as are all digests here
    sha1 = StringField(default="")
    sha512 = StringField(default="")
    md5 = StringField(default="")
    blake2b_256 = StringField(default="")
    media_type = StringField(default="application/octet-stream")
    facts = DictField()  # what the protocol's renderer wants to know of this file
    published_at = DateTimeField()  # UTC; of files that come one by one


class Version(Document):
    """One immutable version of one package."""

    package = LazyReferenceField(Package, required=True, dbref=False)
    number = StringField(required=True)  # normal form: the key
    display_number = StringField(required=True)  # as its publisher spells it
    state = EnumField(VersionState, required=True, default=VersionState.PUBLISHED)
    files = EmbeddedDocumentListField(File)
    manifest = BinaryField()  # the protocol's own JSON about this version, rebuilt from the file
    facts = DictField()  # what the protocol's renderer wants beside the manifest
    readme = StringField(default="")
    deprecated = StringField(default="")  # the message; empty: not deprecated
    is_yanked = BooleanField(default=False)
    yank_reason = StringField(default="")
    published_by = LazyReferenceField(User, dbref=False)
    published_at = DateTimeField(required=True)  # UTC; never rewritten
    withdrawn_at = DateTimeField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "versions",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["package", "number"], "unique": True},
            {
                "fields": ["withdrawn_at"],
                "partialFilterExpression": {
                    "state": VersionState.WITHDRAWN.value,
                    "files.0": {"$exists": True},  # what the sweeper has yet to do
                },
            },
            {"fields": ["files.key"]},
            {"fields": ["package", "files.filename"]},
            {"fields": ["package", "-published_at", "-_id"]},
        ],
    }
