"""What platform admins decide for everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from app import audit
from app.auth.administration import require_platform_admin
from app.auth.principal import Principal
from app.errors import UnprocessableInput
from app.extensions import coherence
from app.models import Organization, PlatformSettings, in_transaction
from app.models.rows import rows_of
from app.registry.listing import Row
from app.registry.repositories import PLATFORM_TAG

_ROW_ID = "platform"


@dataclass(frozen=True, kw_only=True)
class PlatformContent:
    """The settings.

    Attributes:
        only_admins_create_organizations: else anybody who is signed in does.
        default_organization: slug of the one that takes flat names of callers who are in no
            other; empty for none.
    """

    only_admins_create_organizations: bool = False
    default_organization: str = ""


PlatformEdit = Callable[[PlatformContent], PlatformContent]
"""Says what is to become of them, by what they are; runs within the transaction."""


def get_settings(principal: Principal) -> PlatformContent:
    """Return the settings.

    Raises:
        Unauthenticated, Forbidden: the caller is no platform admin.
    """
    require_platform_admin(principal, "read", to="see the platform's settings")
    return _content(_row())


def update_settings(principal: Principal, edit: PlatformEdit) -> PlatformContent:
    """Change the settings, for every process at once.

    Raises:
        Unauthenticated, Forbidden: the caller is no platform admin.
        UnprocessableInput: there is no such organization.
    """
    require_platform_admin(principal, "write", to="change the platform's settings")

    def work() -> PlatformContent:
        before = _content(_row())
        content = edit(before)
        if content.default_organization != before.default_organization:
            _require_organization(content.default_organization)
        rows_of(PlatformSettings).update_one(
            {"_id": _ROW_ID}, {"$set": asdict(content)}, upsert=True
        )
        changed = {
            name: value for name, value in asdict(content).items() if value != getattr(before, name)
        }
        audit.record(
            audit.AuditAction.SETTINGS_UPDATE,
            actor=principal.actor,
            resource=audit.Resource(type="platform"),
            details=changed,
        )
        return content

    return coherence.change({PLATFORM_TAG}, lambda: in_transaction(work))


def _require_organization(slug: str) -> None:
    if slug and rows_of(Organization).find_one({"slug": slug}, {"_id": 1}) is None:
        raise UnprocessableInput(
            "There is no such organization.",
            {"/default_organization": "Name an organization by its slug, or leave it empty."},
        )


def _row() -> Row:
    return rows_of(PlatformSettings).find_one({"_id": _ROW_ID}) or {}


def _content(row: Row) -> PlatformContent:
    return PlatformContent(
        only_admins_create_organizations=bool(row.get("only_admins_create_organizations")),
        default_organization=row.get("default_organization") or "",
    )
