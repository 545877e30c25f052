"""The rows behind a document, for what the object mapper does slowly or cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo.errors import BulkWriteError, DuplicateKeyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mongoengine import Document
    from pymongo.collection import Collection

_DUPLICATE_KEY = 11000


def rows_of(document: type[Document]) -> Collection[dict[str, Any]]:
    """Return the collection of a document; in ``in_transaction`` its writes take part."""
    found: Collection[dict[str, Any]] = document._get_collection()
    return found


def insert(documents: Sequence[Document]) -> None:
    """Insert documents of one kind that are new, after their own checks.

    A third of the cost of the mapper's ``save``, which looks for what was changed. Their ids are
    the caller's to give where they are needed afterwards.

    Raises:
        DuplicateKeyError: a unique index has one like it.
    """
    for document in documents:
        document.validate()
    rows = [document.to_mongo() for document in documents]
    match rows:
        case []:
            return
        case [row]:
            rows_of(type(documents[0])).insert_one(row)
        case _:
            _insert_many(rows_of(type(documents[0])), rows)


def _insert_many(collection: Collection[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
    try:
        collection.insert_many(rows)
    except BulkWriteError as error:
        first = error.details["writeErrors"][0]
        if first["code"] == _DUPLICATE_KEY:
            raise DuplicateKeyError(first["errmsg"], _DUPLICATE_KEY, first) from error
        raise
