"""What OCI packages are made of: blobs, manifests, tags, and uploads under way.

A blob's bytes are kept once for each organization. A package has a blob by a link, and
manifests name what they need among the package's links and manifests. Collecting garbage
follows these rows; nothing is ever found out by listing objects.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from mongoengine import (
    BinaryField,
    BooleanField,
    DateTimeField,
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
from app.models.organizations import Organization
from app.models.packages import Package


class Blob(Document):
    """Bytes of one organization, as an object whose key no other blob ever has.

    Every new link writes ``touched_at``, so that it and collecting the blob exclude each other.
    """

    organization = LazyReferenceField(Organization, required=True, dbref=False)
    sha256 = StringField(required=True)  # hexadecimal, as are all digests here
    sha512 = StringField()  # where a client knows the blob by it
    size_bytes = LongField(required=True)
    key = StringField(required=True)  # in the object store; recorded, never recomputed
    touched_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_blobs",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["organization", "sha256"], "unique": True},
            {"fields": ["key"], "unique": True},
            {"fields": ["touched_at"]},
        ],
    }


class BlobLink(Document):
    """That a package has a blob; holds what a read needs, so that it is one look-up.

    Attributes:
        touched_at: when somebody was last told that the blob is there, give or take a part
            of the grace period; see ``blobs``.
    """

    package = LazyReferenceField(Package, required=True, dbref=False)
    organization = LazyReferenceField(Organization, required=True, dbref=False)
    sha256 = StringField(required=True)
    sha512 = StringField()
    size_bytes = LongField(required=True)
    key = StringField(required=True)
    linked_at = DateTimeField(required=True, default=now)
    touched_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_links",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["package", "sha256"], "unique": True},
            {"fields": ["package", "sha512"]},
            {"fields": ["organization", "sha256"]},
            {"fields": ["organization", "sha512"]},
        ],
    }


class Manifest(Document):
    """One manifest of a package, byte by byte as it was pushed.

    Attributes:
        digest: by which it was pushed first.
        blobs: SHA-256 of the links that it needs.
        touched_at: when an index that names it was last pushed.
    """

    package = LazyReferenceField(Package, required=True, dbref=False)
    sha256 = StringField(required=True)
    sha512 = StringField()  # where a client knows the manifest by it
    digest = StringField(required=True)  # with its algorithm
    media_type = StringField(required=True)
    content = BinaryField(required=True)
    blobs = ListField(StringField())
    subject = StringField()  # a digest, with its algorithm; of what may not be there
    artifact_type = StringField(default="")
    descriptor = BinaryField()  # JSON, as its subject's referrers are told of it
    pushed_by = ObjectIdField()
    pushed_at = DateTimeField(required=True, default=now)
    touched_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_manifests",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["package", "sha256"], "unique": True},
            {"fields": ["package", "sha512"]},
            {"fields": ["package", "blobs"]},
            {"fields": ["package", "subject", "pushed_at", "digest"]},
        ],
    }


class ManifestTag(Document):
    """A movable name for a manifest."""

    package = LazyReferenceField(Package, required=True, dbref=False)
    name = StringField(required=True)
    sha256 = StringField(required=True)
    digest = StringField(required=True)  # by which the manifest was pushed with this tag
    moved_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_tags",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["package", "name"], "unique": True},
            {"fields": ["package", "sha256"]},
        ],
    }


class UploadState(StrEnum):
    """How far an upload has come."""

    OPEN = "open"
    FINISHING = "finishing"  # one request makes it a blob, or dies
    EXPIRED = "expired"  # the collector removes what arrived


class UploadPart(EmbeddedDocument):
    """One part of a multipart upload."""

    number = IntField(required=True)
    size_bytes = LongField(required=True)
    etag = StringField(required=True)


class BlobUpload(Document):
    """A blob on its way: what every process needs to go on with it.

    The row is there before its first byte and until after its last, so whatever a crash
    leaves in the store is named by one.

    Attributes:
        size_bytes: what has arrived; whoever changes it names the size that they saw.
        hashed_sha256, hashed_sha512: of everything that has arrived, where one process saw
            all of it pass; empty where it has to be read again.
        last_number: of the parts; counted up before each one, so that none is given twice.
        parts_key: where it will be if it has parts.
        key: where it will be if it has none; known once it is finishing.
    """

    id = StringField(primary_key=True)
    package = LazyReferenceField(Package, required=True, dbref=False)
    organization = LazyReferenceField(Organization, required=True, dbref=False)
    user = ObjectIdField(required=True)
    state = EnumField(UploadState, required=True, default=UploadState.OPEN)
    wants_sha512 = BooleanField(default=False)
    size_bytes = LongField(required=True, default=0)
    hashed_sha256 = StringField(default="")
    hashed_sha512 = StringField(default="")
    last_number = IntField(required=True, default=0)
    upload_id = StringField(default="")
    parts = EmbeddedDocumentListField(UploadPart)
    tail = BinaryField(default=b"")
    parts_key = StringField(required=True)
    key = StringField(default="")
    created_at = DateTimeField(required=True, default=now)
    touched_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_uploads",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["user", "state", "touched_at"]},
            {"fields": ["touched_at"]},
            {"fields": ["package"]},
        ],
    }


class Garbage(Document):
    """An object that no row names any more, to be removed."""

    key = StringField(primary_key=True)
    size_bytes = LongField(required=True)
    since = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_garbage",
        "auto_create_index": False,
    }


class CollectionProgress(Document):
    """How far the collector has come in one of its rounds over a collection."""

    id = StringField(primary_key=True)
    after = ObjectIdField()

    meta: ClassVar[dict[str, object]] = {
        "collection": "oci_collection",
        "auto_create_index": False,
    }
