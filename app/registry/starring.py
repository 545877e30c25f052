"""Which packages somebody likes, as far as who asks may read them."""

from __future__ import annotations

from app import access
from app.auth import users
from app.auth.principal import Principal
from app.models import Package
from app.models.rows import rows_of
from app.registry.scopes import Scope


def starred_by(principal: Principal, scope: Scope, username: str) -> list[str]:
    """Return the display names, in order, of the packages that a user has starred."""
    user = users.by_identifier(username)
    if user is None:
        return []
    found = rows_of(Package).find(
        {
            "starred_by": user.id,
            "protocol": scope.protocol,
            "repository": {"$in": list(access.readable_repository_ids(principal))},
            "deleted_at": None,
        },
        {"display_name": 1},
    )
    return [row["display_name"] for row in found.sort("name", 1)]
