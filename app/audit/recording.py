"""The one function by which the rest of the registry writes the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.audit import buffer
from app.audit.context import current_request
from app.audit.events import (
    Actor,
    AuditAction,
    AuditEvent,
    Detail,
    Resource,
    Result,
    new_event_id,
)
from app.models.fields import now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def record(
    action: AuditAction,
    *,
    actor: Actor,
    resource: Resource,
    organization: str = "",
    repository: str = "",
    protocol: str = "",
    result: Result = Result.SUCCESS,
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Record what was done, so that it is never lost once this returns.

    An event that tells of a change belongs inside the ``in_transaction`` of that change:
    then both happen or neither. Outside of one it goes to the stream in Redis.

    ``organization`` and ``repository`` are slugs, empty where none is concerned;
    ``details`` never holds tokens, bodies or e-mail addresses.

    Raises:
        Unavailable: nothing took the event; the caller must not report success.
    """
    buffer.append(
        describe(
            action,
            actor=actor,
            resource=resource,
            organization=organization,
            repository=repository,
            protocol=protocol,
            result=result,
            details=details,
        )
    )


def describe(
    action: AuditAction,
    *,
    actor: Actor,
    resource: Resource,
    organization: str = "",
    repository: str = "",
    protocol: str = "",
    result: Result = Result.SUCCESS,
    details: Mapping[str, Detail] | None = None,
) -> AuditEvent:
    """Say what is about to be done in this request, to be recorded by :func:`record_all`.

    For the arguments see :func:`record`.
    """
    return AuditEvent(
        id=new_event_id(),
        moment=now(),
        actor=actor,
        action=action,
        resource=resource,
        organization=organization,
        repository=repository,
        protocol=protocol,
        result=result,
        request=current_request(),
        details=details or {},
    )


def record_all(events: Sequence[AuditEvent]) -> None:
    """Record what the transaction that runs does, for several requests at once."""
    buffer.append_in_transaction(events)
