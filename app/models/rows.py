"""The rows behind a document, for what the object mapper does slowly or cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mongoengine import Document
    from pymongo.collection import Collection


def rows_of(document: type[Document]) -> Collection[dict[str, Any]]:
    """Return the collection of a document; in ``in_transaction`` its writes take part."""
    found: Collection[dict[str, Any]] = document._get_collection()
    return found


def insert(document: Document) -> None:
    """Insert a document that is new, after its own checks, and give it its id.

    A third of the mapper's ``save``, which looks for what was changed and what refers to it.

    Raises:
        DuplicateKeyError: a unique index has one like it.
    """
    document.validate()
    document.pk = rows_of(type(document)).insert_one(document.to_mongo()).inserted_id
