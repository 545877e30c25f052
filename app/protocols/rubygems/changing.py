"""What gem changes on pushed gems."""

from __future__ import annotations

from app.auth.principal import Principal
from app.errors import NotFound
from app.protocols.rubygems.format import number_of
from app.protocols.rubygems.gem_versions import canonical, is_version
from app.registry.resolution import PackageRef
from app.registry.stored_versions import version_row
from app.registry.yanking import yank_version


def yank(principal: Principal, package: PackageRef, version: str, platform: str) -> str:
    """Yank one version for one platform; returns what to call it.

    Args:
        principal: was allowed to.
        package: that has it.
        version: as the client spells it.
        platform: ``ruby`` for a gem for all.

    Raises:
        NotFound: there is none, or it was yanked before.
    """
    missing = NotFound(f"The version {number_of(version, platform)} does not exist.")
    if not is_version(version):
        raise missing
    number = number_of(canonical(version), platform)
    try:
        row = version_row(package, number, without=("readme", "manifest", "facts"))
    except NotFound as error:
        raise missing from error
    if row.get("is_yanked"):
        raise NotFound(f"The version {row['display_number']} has already been yanked.")
    yank_version(principal, package, row["number"], yanked=True)
    return f"{package.name.display} ({row['display_number']})"
