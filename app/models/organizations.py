"""Organizations, and the names that they own on the whole platform."""

from __future__ import annotations

from typing import ClassVar

from mongoengine import (
    DateTimeField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentField,
    LazyReferenceField,
    ListField,
    LongField,
    MapField,
    StringField,
)

from app.models.fields import now


class OrganizationSettings(EmbeddedDocument):
    """What an organization's admins decide."""

    default_visibility = StringField(default="private", choices=("public", "internal", "private"))
    namespaces = MapField(ListField(StringField()))  # by protocol: npm scopes, Maven prefixes…
    reserved_names = MapField(ListField(StringField()))  # by protocol: globs never asked upstream
    quota_bytes = LongField()  # none: no limit


class Organization(Document):
    """A tenant: it owns repositories, teams and names."""

    slug = StringField(required=True)
    earlier_slugs = ListField(StringField())  # nobody else's while it is there
    display_name = StringField(default="")
    description = StringField(default="")
    settings = EmbeddedDocumentField(OrganizationSettings, default=OrganizationSettings)
    created_at = DateTimeField(required=True, default=now)
    updated_at = DateTimeField(required=True, default=now)

    meta: ClassVar[dict[str, object]] = {
        "collection": "organizations",
        "auto_create_index": False,
        "indexes": [{"fields": ["slug"], "unique": True}],
    }


class NamespaceClaim(Document):
    """Who decides at the platform scope about the names below a prefix.

    An organization's slug is claimed for npm scopes, OCI first segments and Composer
    vendors when it is made; ``settings.namespaces`` claims more.
    """

    protocol = StringField(required=True)
    namespace = StringField(required=True)  # normal form, without "@"
    organization = LazyReferenceField(Organization, required=True, dbref=False)

    meta: ClassVar[dict[str, object]] = {
        "collection": "namespace_claims",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["protocol", "namespace"], "unique": True},
            {"fields": ["organization"]},
        ],
    }
