"""What the schemas of all resources are made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from app.api.pagination import LONGEST_PAGE, USUAL_PAGE
from app.audit.events import time_text
from app.registry.slugs import LONGEST_SLUG

LONGEST_TEXT = 1000
LONGEST_NAME = 200


class Strict(Schema):
    """A JSON object; members that it does not know are refused."""

    class Meta:
        """Options of the schema."""

        unknown = RAISE


class Content(Strict):
    """What a client writes: loaded, it becomes a frozen value."""

    makes: ClassVar[type]
    """The class of the value; its fields are named like the members."""

    @post_load
    def make(self, data: dict[str, Any], **_options: object) -> object:
        """Return the value that the members make."""
        return self.makes(**data)


class Moment(fields.AwareDateTime):
    """A time: RFC 3339, in UTC, with milliseconds; read with any offset, but with one."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  the field's own options
        super().__init__(format="iso", **options)

    def _serialize(
        self,
        value: datetime | None,
        attr: str | None,
        obj: object,
        **kwargs: object,
    ) -> str | None:
        del attr, obj, kwargs
        return None if value is None else time_text(value)


class Sequence(fields.List[Any]):
    """A list that is read into a tuple."""

    def _deserialize(
        self,
        value: object,
        attr: str | None,
        data: Mapping[str, object] | None,
        **kwargs: object,
    ) -> Any:  # noqa: ANN401  a tuple, where marshmallow says list
        return tuple(super()._deserialize(value, attr, data, **kwargs))


class Map(fields.Dict):
    """An object with members of any name; errors point at the member itself."""

    def _deserialize(
        self,
        value: object,
        attr: str | None,
        data: Mapping[str, object] | None,
        **kwargs: object,
    ) -> dict[str, object]:
        try:
            found: dict[str, object] = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]  # marshmallow's
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # marshmallow has a level of its own between a member and what is wrong with it.
            raise ValidationError(
                {
                    name: problem.get("value", problem.get("key"))
                    for name, problem in error.messages.items()
                }
            ) from error
        return found


WITHOUT_NUL = validate.Regexp(r"^[^\x00]*$", error="It holds a NUL character.")
SLUG = {"minLength": 1, "maxLength": LONGEST_SLUG, "pattern": "^[a-z0-9]+([._-][a-z0-9]+)*$"}
"""What the document says of a slug; ``registry.slugs`` decides."""


def text(*, longest: int = LONGEST_TEXT, **options: Any) -> fields.String:  # noqa: ANN401  the field's own
    """Return a field of text, without what no text has."""
    return fields.String(
        validate=[
            validate.Length(max=longest),
            WITHOUT_NUL,
        ],
        **options,
    )


def names(**options: Any) -> Sequence:  # noqa: ANN401  the field's own
    """Return a field of a list of names."""
    return Sequence(
        fields.String(validate=validate.Length(min=1, max=LONGEST_NAME)),
        validate=validate.Length(max=LONGEST_PAGE),
        **options,
    )


class PageQuery(Strict):
    """Which part of a list is wanted."""

    makes: ClassVar[type | None] = None
    """What the other members make, where there are any; its fields are named like them."""

    limit = fields.Integer(
        load_default=USUAL_PAGE,
        validate=validate.Range(min=1, max=LONGEST_PAGE),
        metadata={"description": "The most items that the page has."},
    )
    cursor = fields.String(
        load_default=None,
        metadata={"description": "`next_cursor` of the page before. Opaque."},
    )


class CascadeQuery(Strict):
    """Whether what is in it is to go as well."""

    cascade = fields.Boolean(
        load_default=False,
        metadata={"description": "Delete what is in it, too; without it that is a 409."},
    )


class UserSummarySchema(Strict):
    """Who somebody is."""

    id = fields.String(required=True)
    username = fields.String(required=True)
    display_name = fields.String(required=True)


class ProblemFieldSchema(Strict):
    """What is wrong with one value."""

    pointer = fields.String(required=True, metadata={"description": "A JSON pointer (RFC 6901)."})
    detail = fields.String(required=True)


class ProblemSchema(Strict):
    """Problem details (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(
        required=True, metadata={"description": "What was refused, and what to do, for people."}
    )
    instance = fields.String(required=True, metadata={"description": "The request's id."})
    code = fields.String(
        required=True, metadata={"description": "What it is, for programs; never renamed."}
    )
    errors = fields.List(
        fields.Nested(ProblemFieldSchema),
        metadata={"description": "With `validation_failed`: the values that are wrong."},
    )
