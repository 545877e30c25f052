"""What an audit event says, and the one way in which it is written down."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import orjson

from app.audit.context import RequestFacts
from config.redaction import mask_text

Detail: TypeAlias = "str | int | Sequence[Detail] | Mapping[str, Detail] | None"
"""What ``details`` may hold: JSON without fractions, whose text forms differ by program."""

_LONGEST_TEXT = 1000
_LONGEST_LIST = 100


class AuditAction(StrEnum):
    """What was done, as ``noun.verb``; never renamed."""

    PACKAGE_PUBLISH = "package.publish"
    PACKAGE_READ = "package.read"
    PACKAGE_UPDATE = "package.update"
    PACKAGE_DEPRECATE = "package.deprecate"
    PACKAGE_YANK = "package.yank"
    PACKAGE_UNYANK = "package.unyank"
    PACKAGE_UNPUBLISH = "package.unpublish"
    PACKAGE_DELETE = "package.delete"
    BLOB_PUSH = "blob.push"
    BLOB_MOUNT = "blob.mount"
    BLOB_DELETE = "blob.delete"
    TAG_SET = "tag.set"
    TAG_REMOVE = "tag.remove"
    OWNER_ADD = "owner.add"
    OWNER_REMOVE = "owner.remove"
    STAR_ADD = "star.add"
    STAR_REMOVE = "star.remove"
    TOKEN_CREATE = "token.create"  # noqa: S105  the name of an act
    TOKEN_ROTATE = "token.rotate"  # noqa: S105  the name of an act
    TOKEN_REVOKE = "token.revoke"  # noqa: S105  the name of an act
    AUTH_LOGIN = "auth.login"
    AUTH_LOGOUT = "auth.logout"
    AUTH_REFRESH_REUSE = "auth.refresh_reuse"
    SESSION_REVOKE = "session.revoke"
    PASSWORD_CHANGE = "password.change"  # noqa: S105  the name of an act
    USER_CREATE = "user.create"
    USER_UPDATE = "user.update"
    USER_DELETE = "user.delete"
    ORGANIZATION_CREATE = "organization.create"
    ORGANIZATION_UPDATE = "organization.update"
    ORGANIZATION_DELETE = "organization.delete"
    MEMBER_ADD = "member.add"
    MEMBER_UPDATE = "member.update"
    MEMBER_REMOVE = "member.remove"
    TEAM_CREATE = "team.create"
    TEAM_UPDATE = "team.update"
    TEAM_DELETE = "team.delete"
    TEAM_MEMBER_ADD = "team_member.add"
    TEAM_MEMBER_UPDATE = "team_member.update"
    TEAM_MEMBER_REMOVE = "team_member.remove"
    REPOSITORY_CREATE = "repository.create"
    REPOSITORY_UPDATE = "repository.update"
    REPOSITORY_DELETE = "repository.delete"
    GRANT_SET = "grant.set"
    GRANT_REMOVE = "grant.remove"
    SETTINGS_UPDATE = "settings.update"
    AUDIT_EXPORT = "audit.export"
    ACCESS_DENIED = "access.denied"


class Result(StrEnum):
    """How it ended: done, refused for want of rights, or not successful."""

    SUCCESS = "success"
    DENIED = "denied"
    FAILED = "failed"


class ActorType(StrEnum):
    """Who acts: a person, nobody who signed in, or the registry itself."""

    USER = "user"
    ANONYMOUS = "anonymous"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who did it. ``name`` is a username, never an e-mail address."""

    type: ActorType
    id: str = ""
    name: str = ""
    token_id: str = ""


ANONYMOUS = Actor(type=ActorType.ANONYMOUS)
SYSTEM = Actor(type=ActorType.SYSTEM)
OPERATOR = Actor(type=ActorType.SYSTEM, name="operator")
"""Whoever runs ``packhouse`` commands."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What it was done to. ``type`` is a noun of the design: package, token, team."""

    type: str
    id: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """One thing that happened.

    Attributes:
        organization: slug, as are all names here; empty where none is concerned.
        details: see :data:`Detail`. Tokens, bodies and e-mail addresses have no place in it.
    """

    id: str
    moment: datetime
    actor: Actor
    action: AuditAction
    resource: Resource
    organization: str = ""
    repository: str = ""
    protocol: str = ""
    result: Result = Result.SUCCESS
    request: RequestFacts = field(default_factory=RequestFacts)
    details: Mapping[str, Detail] = field(default_factory=dict)

    def body(self) -> bytes:
        """Write it as canonical JSON. What this accepts, the chain accepts.

        Raises:
            TypeError: ``details`` holds what JSON or MongoDB would not give back unchanged.
        """
        return canonical(
            {
                "id": self.id,
                "time": time_text(self.moment),
                "actor": {
                    "type": self.actor.type,
                    "id": self.actor.id,
                    "name": _text(self.actor.name),
                    "token_id": self.actor.token_id,
                },
                "action": self.action,
                "resource": {
                    "type": self.resource.type,
                    "id": _text(self.resource.id),
                    "name": _text(self.resource.name),
                },
                "organization": _text(self.organization),
                "repository": _text(self.repository),
                "protocol": self.protocol,
                "result": self.result,
                "ip": self.request.ip,
                "user_agent": _text(self.request.user_agent),
                "request_id": _text(self.request.request_id),
                "details": _plain(self.details),
            }
        )


def canonical(value: object) -> bytes:
    """Write JSON in the one form that is hashed.

    UTF-8, keys sorted by code point, no spaces, integers below 2^53 only, and of the
    characters only those escaped that must be. Python's own ``json.dumps(value,
    sort_keys=True, separators=(",", ":"), ensure_ascii=False)`` writes the same.

    Raises:
        TypeError: it holds something that has no such form.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)


def new_event_id(now_ns: int | None = None) -> str:
    """Return a UUIDv7: ids sort by the time at which they were made.

    The twelve bits after the millisecond hold its fraction (about 0.25 µs), so that the
    events of one process keep their order; 62 random bits tell processes apart.

    Spec: RFC 9562, section 5.7 and 6.2, method 3.
    """
    moment_ns = time.time_ns() if now_ns is None else now_ns
    milliseconds, rest_ns = divmod(moment_ns, 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    bits = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    digits = f"{bits:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def time_text(moment: datetime) -> str:
    """Write a time as the hash sees it: RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _plain(value: Detail) -> Detail:
    """Copy a detail into what JSON and MongoDB both give back unchanged."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return {_text(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value[:_LONGEST_LIST]]
    raise TypeError(f"an audit event cannot hold a {type(value).__name__}")


def _text(text: str) -> str:
    """Mask secrets, drop what is no Unicode text or no MongoDB key, and cut what is too long."""
    clean = mask_text(text).encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return clean if len(clean) <= _LONGEST_TEXT else clean[: _LONGEST_TEXT - 1] + "…"
