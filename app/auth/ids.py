"""Reading the ids that come in requests."""

from __future__ import annotations

from bson import ObjectId

from app.errors import NotFound


def read_id(text: str) -> ObjectId:
    """Return the id that a request names.

    Raises:
        NotFound: it is no id, so nothing has it.
    """
    if not ObjectId.is_valid(text):
        raise NotFound
    return ObjectId(text)
