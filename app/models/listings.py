"""What lists of packages are made of."""

from __future__ import annotations

from typing import ClassVar

from mongoengine import BooleanField, Document, LazyReferenceField, LongField, StringField

from app.models.repositories import Repository


class ListingEntry(Document):
    """One change of one package that a list of many shows; see ``registry.listings``.

    They are only ever added, in the order of ``sequence``, until their repository is gone.
    """

    protocol = StringField(required=True)
    sequence = LongField(required=True)  # of all entries of the protocol, in order of commits
    repository = LazyReferenceField(Repository, required=True, dbref=False)
    name = StringField(required=True)  # the package's, in normal form
    holds_name = BooleanField(required=True)  # the platform scope shows it
    text = StringField(required=True)  # the protocol's own

    meta: ClassVar[dict[str, object]] = {
        "collection": "listing_entries",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["protocol", "sequence"], "unique": True},
            {"fields": ["repository", "sequence"]},
        ],
    }
