"""The audit as the management API and the commands show it: who sees which events.

A platform admin sees all of them, an organization's admins what concerns it, and everybody
what they did themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import ObjectId

from app import access, audit
from app.auth.administration import require_platform_admin
from app.auth.identifiers import fold
from app.auth.limits import MANAGEMENT, require_account_use
from app.auth.principal import Principal
from app.models import Organization, User
from app.models.audit import audit_rows
from app.models.rows import rows_of
from app.registry.listing import DOWN, UP, Page, PageRequest, Row, find_page

Event = dict[str, Any]  # an event's JSON, as docs/audit.md has it

_NEWEST_FIRST = [("time", DOWN), ("_id", DOWN)]
_OLDEST_FIRST = [("time", UP), ("_id", UP)]
_BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events are wanted; what is empty does not matter.

    Attributes:
        actor: id or username of who acted, or ``operator``.
        action: such as ``package.publish``.
        resource_type: such as ``version``.
        resource: id or name of what was acted on.
        organization: id or slug; also the slug of one that is gone.
        result: ``success``, ``denied`` or ``failed``.
        since: the earliest time that is wanted.
        until: the first time that is wanted no more.
    """

    actor: str = ""
    action: str = ""
    resource_type: str = ""
    resource: str = ""
    organization: str = ""
    result: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _Condition:
    """A filter of MongoDB's for events; ``every`` has to hold."""

    every: list[Row] = field(default_factory=list)

    def and_(self, *more: Row) -> _Condition:
        return replace(self, every=[*self.every, *more])

    def either(self, alternatives: list[Row]) -> _Condition:
        return self.and_(alternatives[0] if len(alternatives) == 1 else {"$or": alternatives})

    def as_row(self) -> Row:
        return {"$and": self.every} if self.every else {}


def list_events(principal: Principal, wanted: EventFilter, page: PageRequest) -> Page[Event]:
    """Return the events that match and that the caller may see, the newest first.

    Raises:
        Unauthenticated: nobody is signed in.
        Forbidden: the token is not for this.
    """
    where = _visible(principal)
    if where is None:
        return Page(items=())
    found = find_page(audit_rows(), _matching(where, wanted).as_row(), _NEWEST_FIRST, page)
    return found.shown_as(lambda rows: [audit.to_event(row) for row in rows])


def export_events(principal: Principal, wanted: EventFilter) -> Iterator[bytes]:
    """Return the events that match and that the caller may see, as lines of JSON.

    The whole chain comes in its order, so that it can be checked elsewhere; what is only a part
    of it comes by time, the oldest first. Both take constant memory. That somebody exported is
    an event itself.

    Raises:
        Unauthenticated, Forbidden: as for :func:`list_events`.
    """
    where = _visible(principal)
    _record_export(principal, wanted)
    if where is None:
        return iter(())
    condition = _matching(where, wanted).as_row()
    return _lines(condition) if condition else audit.export()


def verify_chain(principal: Principal, anchor: audit.Link | None) -> audit.Verification:
    """Check the whole chain; see ``audit.verify``.

    Raises:
        Unauthenticated, Forbidden: the caller is no platform admin.
    """
    require_platform_admin(principal, "read", to="check the audit")
    return audit.verify(anchor)


def _visible(principal: Principal) -> _Condition | None:
    """Return what holds of the events that a caller may see; none where there are none."""
    require_account_use(principal, door=MANAGEMENT, action="read")
    limits = principal.limits
    if limits.packages:
        return None  # Events are of organizations, never of a package alone.
    within = _Condition()
    if limits.organizations:
        bound = _of_organizations({ObjectId(one) for one in limits.organizations})
        if not bound:
            return None
        within = within.either(bound)
    if principal.is_platform_admin:
        return within
    administered = _of_organizations(access.administered_organization_ids(principal))
    return within.either([{"actor.id": str(principal.user_id)}, *administered])


def _matching(visible: _Condition, wanted: EventFilter) -> _Condition:
    exactly = {
        "action": wanted.action,
        "resource.type": wanted.resource_type,
        "result": wanted.result,
    }
    condition = visible.and_(*({name: text} for name, text in exactly.items() if text))
    if wanted.actor:
        condition = condition.and_(_by_actor(wanted.actor))
    if wanted.resource:
        named = [{"resource.id": wanted.resource}, {"resource.name": wanted.resource}]
        condition = condition.either(named)
    if wanted.organization:
        condition = condition.either(_of_organization(wanted.organization))
    if wanted.since is not None:
        condition = condition.and_({"time": {"$gte": wanted.since}})
    if wanted.until is not None:
        condition = condition.and_({"time": {"$lt": wanted.until}})
    return condition


def _by_actor(reference: str) -> Row:
    """Match by id who is called so today: an event holds the name that they had then."""
    found = rows_of(User).find_one({"username": fold(reference)}, {"_id": 1})
    if found is not None:
        return {"actor.id": str(found["_id"])}
    if ObjectId.is_valid(reference):
        return {"actor.id": reference}
    return {"actor.name": reference}  # the registry itself, or a name of earlier times


def _of_organization(reference: str) -> list[Row]:
    known: Row = {"slug": reference}
    if ObjectId.is_valid(reference):
        known = {"$or": [known, {"_id": ObjectId(reference)}]}
    row = rows_of(Organization).find_one(known, {"_id": 1})
    return _of_organizations({row["_id"]}) if row else [{"organization": reference}]


def _of_organizations(ids: Iterable[ObjectId]) -> list[Row]:
    """Match what concerns some organizations, by every slug that they have had.

    Not what is older than they are: that was another organization with the same slug.
    """
    found = rows_of(Organization).find(
        {"_id": {"$in": list(ids)}}, {"slug": 1, "earlier_slugs": 1, "created_at": 1}
    )
    return [
        {
            "organization": {"$in": [row["slug"], *row.get("earlier_slugs", ())]},
            "time": {"$gte": row["created_at"]},
        }
        for row in found
    ]


def _lines(where: Row) -> Iterator[bytes]:
    request = PageRequest(limit=_BATCH)
    while True:
        page = find_page(audit_rows(), where, _OLDEST_FIRST, request)
        yield from (audit.line_of(row) for row in page.items)
        if page.next is None:
            return
        request = PageRequest(limit=_BATCH, after=page.next)


def _record_export(principal: Principal, wanted: EventFilter) -> None:
    asked = {
        name: audit.time_text(value) if isinstance(value, datetime) else value
        for name, value in vars(wanted).items()
        if value
    }
    audit.record(
        audit.AuditAction.AUDIT_EXPORT,
        actor=principal.actor,
        resource=audit.Resource(type="audit"),
        details={"filter": asked},
    )
