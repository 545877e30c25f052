"""Changes that are decided about what a resource is at the moment of the change.

A use case calls these within its transaction, with the resource as it is there. So
``If-Match`` holds until the change is made, and two merge patches at the same moment
lose nothing of each other.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

from marshmallow import Schema, ValidationError

from app.api import etags, merge_patch
from app.api.answers import body_of
from app.api.parsing import Json, unprocessable

Shown = TypeVar("Shown")
Written = TypeVar("Written")


class Edit(Generic[Shown, Written]):
    """What a PUT or a PATCH makes of a resource: from what it is to what it is to be."""

    def __init__(self, shown_as: Schema, written_as: Schema, body: Json, *, is_patch: bool) -> None:
        if is_patch and not isinstance(body, dict):
            raise unprocessable("A merge patch is a JSON object.")
        self._shown_as = shown_as
        self._written_as = written_as
        self._patch = body if is_patch else None
        self._replacement: Any = None if is_patch else _load(written_as, body)

    def __call__(self, current: Shown | None) -> Written:
        """Return what is to become of the resource; there is none yet where it is ``None``.

        Raises:
            PreconditionFailed: ``If-Match`` names another state of it.
            UnprocessableInput: patched, it would not be acceptable.
        """
        if current is None:
            etags.require_nothing_to_match()
        else:
            etags.require_match(body_of(self._shown_as, current))
        if self._patch is None:
            return cast("Written", self._replacement)
        before = self._written_as.dump(current)
        # A member that is taken away from what has none would pass unseen.
        strange = dict.fromkeys(self._patch.keys() - self._written_as.fields, "Unknown field.")
        if strange:
            raise unprocessable(strange)
        patched = merge_patch.merged(before, self._patch)
        return cast("Written", _load(self._written_as, patched))


class Check(Generic[Shown]):
    """Whether a resource is still what the client that wants it deleted thinks it is."""

    def __init__(self, shown_as: Schema) -> None:
        self._shown_as = shown_as

    def __call__(self, current: Shown) -> None:
        """Let it pass.

        Raises:
            PreconditionFailed: ``If-Match`` names another state of it.
        """
        etags.require_match(body_of(self._shown_as, current))


def _load(schema: Schema, body: Json) -> Any:  # noqa: ANN401  what the schema makes
    try:
        return schema.load(body)
    except ValidationError as error:
        raise unprocessable(error.messages) from error
