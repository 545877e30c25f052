"""Who read what, where ``AUDIT_READS`` asks for it.

Answers from memory are off then (``app.factory``), so that every read gets here.
"""

from __future__ import annotations

from app import audit
from app.auth.principal import Principal
from app.extensions import settings
from app.registry.resolution import PackageRef


def record_read(principal: Principal, package: PackageRef, **what: str) -> None:
    """Record that a caller is given something of a package.

    Args:
        principal: the caller, who may read it.
        package: what it belongs to.
        what: ``file`` or ``document``, and its name.

    Raises:
        Unavailable: nothing took the event; the caller must be given nothing.
    """
    if not settings.audit_reads:
        return
    audit.record(
        audit.AuditAction.PACKAGE_READ,
        actor=principal.actor,
        resource=audit.Resource(type="package", id=str(package.id), name=package.name.display),
        organization=package.repository.organization_slug,
        repository=package.repository.name,
        protocol=package.name.protocol,
        details=what,
    )
