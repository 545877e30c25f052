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
