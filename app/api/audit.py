"""``/audit``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from app.api.resource import Resource
from app.api.schemas import (
    LONGEST_NAME,
    LONGEST_TEXT,
    WITHOUT_NUL,
    Content,
    Moment,
    PageQuery,
    Strict,
)
from app.audit import AuditAction, Link, Result, Verification
from app.auth.current import current_principal
from app.registry import audit_trail
from app.registry.audit_trail import Event, EventFilter
from app.registry.listing import Page, PageRequest

resource = Resource(
    "audit",
    "Who did what, and when: everything for platform admins, what concerns their organizations "
    "for the admins of those, and for everybody what they did themselves.",
)

_HASH = "^[0-9a-f]{64}$"


def _filter(description: str, *, longest: int = LONGEST_NAME) -> fields.String:
    return fields.String(
        load_default="",
        validate=[validate.Length(max=longest), WITHOUT_NUL],
        metadata={"description": description},
    )


class _EventFields(Strict):
    """Which events are wanted."""

    actor = _filter("Id or username of who acted; `operator` is who runs commands.")
    action = fields.String(
        load_default="",
        validate=validate.OneOf(list(AuditAction)),
        metadata={"description": "What was done."},
    )
    resource_type = _filter("What it was done to: `package`, `version`, `token`, `team`…")
    resource = _filter("Id or name of what it was done to.", longest=LONGEST_TEXT)
    organization = fields.String(
        data_key="org",
        load_default="",
        validate=[validate.Length(max=LONGEST_NAME), WITHOUT_NUL],
        metadata={"description": "Id or slug."},
    )
    result = fields.String(
        load_default="",
        validate=validate.OneOf(list(Result)),
        metadata={"description": "How it ended."},
    )
    since = Moment(
        data_key="from",
        load_default=None,
        metadata={"description": "The earliest time that is wanted."},
    )
    until = Moment(
        data_key="to",
        load_default=None,
        metadata={"description": "The first time that is wanted no more."},
    )


class EventsQuery(_EventFields, PageQuery):
    """Which part of the list of which events is wanted."""

    makes = EventFilter


class ExportQuery(_EventFields, Content):
    """Which events are wanted."""

    makes = EventFilter


class ActorSchema(Strict):
    """Who did it."""

    type = fields.String(required=True)
    id = fields.String(required=True)
    name = fields.String(required=True)
    token_id = fields.String(required=True)


class AuditResourceSchema(Strict):
    """What it was done to."""

    type = fields.String(required=True)
    id = fields.String(required=True)
    name = fields.String(required=True)


class EventSchema(Strict):
    """One thing that happened."""

    id = fields.String(required=True)
    seq = fields.Integer(required=True, metadata={"description": "Its place in the chain."})
    time = fields.String(required=True, metadata={"format": "date-time"})
    actor = fields.Nested(ActorSchema, required=True)
    action = fields.String(required=True)
    resource = fields.Nested(AuditResourceSchema, required=True)
    organization = fields.String(required=True, metadata={"description": "The slug of then."})
    repository = fields.String(required=True)
    protocol = fields.String(required=True)
    result = fields.String(required=True)
    ip = fields.String(required=True)
    user_agent = fields.String(required=True)
    request_id = fields.String(required=True)
    details = fields.Dict(keys=fields.String(), required=True)
    prev_hash = fields.String(required=True, metadata={"description": "Of the event before it."})
    hash = fields.String(required=True)


class AnchorQuery(Content):
    """An event that is known from elsewhere, if there is one."""

    expect_seq = fields.Integer(
        load_default=None,
        validate=validate.Range(min=1),
        metadata={"description": "Number of an event that was kept outside of the registry."},
    )
    expect_hash = fields.String(
        load_default=None,
        validate=validate.Regexp(_HASH, error="A hash has 64 hexadecimal digits, in lower case."),
        metadata={"description": "Its hash; given together with `expect_seq`."},
    )

    @validates_schema
    def require_both(self, data: dict[str, object], **_options: object) -> None:
        """Refuse one of them without the other."""
        missing = [name for name in ("expect_seq", "expect_hash") if data.get(name) is None]
        if len(missing) == 1:
            raise ValidationError("expect_seq and expect_hash belong together.", missing[0])

    @post_load
    def make(self, data: dict[str, Any], **_options: object) -> Link | None:
        """Return the event's link."""
        seq, digest = data["expect_seq"], data["expect_hash"]
        return None if seq is None else Link(seq, digest)


class LinkSchema(Strict):
    """A place in the chain, and the hash of the event there."""

    seq = fields.Integer(required=True)
    hash = fields.String(required=True)


class VerificationSchema(Strict):
    """What a check of the whole chain found."""

    valid = fields.Boolean(required=True)
    checked = fields.Integer(
        required=True, metadata={"description": "How many events are as they were written."}
    )
    first_bad = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The first number at which the chain is not what it was."},
    )
    last = fields.Nested(
        LinkSchema,
        required=True,
        metadata={"description": "The last good event. Keep it elsewhere, for a later check."},
    )


@resource.list("/audit", item=EventSchema, query=EventsQuery)
def list_events(page: PageRequest, wanted: EventFilter) -> Page[Event]:
    """List the events that you may see, the newest first."""
    return audit_trail.list_events(current_principal(), wanted, page)


@resource.read("/audit/verify", answer=VerificationSchema, query=AnchorQuery)
def verify_audit(anchor: Link | None) -> Verification:
    """Check the whole chain, for platform admins; a long one takes minutes."""
    return audit_trail.verify_chain(current_principal(), anchor)


@resource.lines("/audit/export", query=ExportQuery)
def export_audit(wanted: EventFilter) -> Iterator[bytes]:
    """Export the events that you may see: one JSON object in a line, the oldest first."""
    return audit_trail.export_events(current_principal(), wanted)
