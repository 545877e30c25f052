"""Who did what, and when: every change, every sign-in, every denial.

``record`` writes an event where it cannot be lost, ``flush`` moves it into the hash chain,
``verify`` shows that the chain is whole. See ``docs/audit.md``.
"""

from app.audit.chain import Link, to_event
from app.audit.context import bind_request, current_request, unbind_request
from app.audit.events import (
    ANONYMOUS,
    OPERATOR,
    SYSTEM,
    Actor,
    ActorType,
    AuditAction,
    AuditEvent,
    Detail,
    Resource,
    Result,
    time_text,
)
from app.audit.flushing import flush
from app.audit.recording import describe, record, record_all
from app.audit.verification import Verification, export, line_of, verify

__all__ = [
    "ANONYMOUS",
    "OPERATOR",
    "SYSTEM",
    "Actor",
    "ActorType",
    "AuditAction",
    "AuditEvent",
    "Detail",
    "Link",
    "Resource",
    "Result",
    "Verification",
    "bind_request",
    "current_request",
    "describe",
    "export",
    "flush",
    "line_of",
    "record",
    "record_all",
    "time_text",
    "to_event",
    "unbind_request",
    "verify",
]
