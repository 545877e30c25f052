"""Repositories, and who is granted what on them."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from mongoengine import (
    BooleanField,
    DateTimeField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentField,
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


class RepositoryKind(StrEnum):
    """Where a repository's packages come from."""

    HOSTED = "hosted"
    PROXY = "proxy"
    GROUP = "group"


class Visibility(StrEnum):
    """Who reads without a grant: everyone, everyone signed in, nobody."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PRIVATE = "private"


class RepositoryRole(StrEnum):
    """What a grantee may do in a repository; each includes those before it."""

    READER = "reader"
    DEVELOPER = "developer"
    MAINTAINER = "maintainer"
    ADMIN = "admin"


class Upstream(EmbeddedDocument):
    """The registry behind a proxy repository."""

    url = StringField(required=True)
    username = StringField(default="")
    password_sealed = StringField(default="")  # AES-256-GCM, see app.auth.secrets
    ttl_seconds = IntField()
    negative_ttl_seconds = IntField()
    timeout_seconds = IntField()
    max_file_bytes = LongField()
    allow = ListField(StringField())
    deny = ListField(StringField())
    ca_certificate = StringField(default="")


class RepositorySettings(EmbeddedDocument):
    """What a repository's admins decide; an absent value means the default."""

    max_file_bytes = LongField()
    quota_bytes = LongField()
    allow_redeploy = BooleanField(default=False)
    immutable_tags = ListField(StringField())
    allow_sparse_index = BooleanField(default=False)
    auth_required = BooleanField()


class Repository(Document):
    """A place for packages of one protocol, with one visibility and one set of grants."""

    organization = LazyReferenceField(Organization, required=True, dbref=False)
    name = StringField(required=True)  # a slug
    protocol = StringField(required=True)
    kind = EnumField(RepositoryKind, required=True, default=RepositoryKind.HOSTED)
    visibility = EnumField(Visibility, required=True, default=Visibility.PRIVATE)
    description = StringField(default="")
    upstream = EmbeddedDocumentField(Upstream)
    members = ListField(ObjectIdField())  # of a group, in order
    settings = EmbeddedDocumentField(RepositorySettings, default=RepositorySettings)
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "repositories",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["organization", "name"], "unique": True},
            {"fields": ["organization", "protocol", "created_at", "_id"]},
        ],
    }


class GranteeType(StrEnum):
    """Who a grant is for."""

    USER = "user"
    TEAM = "team"


class Grant(Document):
    """A role on one repository for one user or one team.

    A team's grant without a role gives each member what the team role gives.
    """

    repository = LazyReferenceField(Repository, required=True, dbref=False)
    organization = LazyReferenceField(Organization, required=True, dbref=False)
    grantee_type = EnumField(GranteeType, required=True)
    grantee = ObjectIdField(required=True)
    role = EnumField(RepositoryRole)
    created_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "grants",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["repository", "grantee_type", "grantee"], "unique": True},
            {"fields": ["grantee_type", "grantee"]},
            {"fields": ["organization"]},
        ],
    }
