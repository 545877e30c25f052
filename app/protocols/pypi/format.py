"""What use cases that serve every format need to know of PyPI."""

from __future__ import annotations

import re
from functools import lru_cache

import orjson
from packaging.requirements import Requirement
from packaging.version import Version

from app.protocols.pypi import project_names
from app.protocols.pypi.identity import PROTOCOL_NAME
from app.registry.formats import Dependency, PackageFormat
from app.registry.listings import ListedChange

_EXTRA = re.compile(r"\bextra\s*==\s*['\"]([^'\"]+)['\"]")


def _name_of_purl(namespace: str, name: str) -> str:
    """Spec: purl-spec, "pypi": names are normalized, and there is no namespace."""
    del namespace
    return project_names.normalize(name)


def _dependencies(manifest: bytes) -> tuple[Dependency, ...]:
    """Read core metadata that was checked when it was uploaded."""
    wanted: list[str] = orjson.loads(manifest).get("requires_dist") or []
    return tuple(_dependency(one) for one in wanted)


def _dependency(text: str) -> Dependency:
    requirement = Requirement(text)
    marker = str(requirement.marker or "")
    extra = _EXTRA.search(marker)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return Dependency(
        name=requirement.name + extras,
        requirement=(requirement.url or str(requirement.specifier))
        + (f" ; {marker}" if marker else ""),
        kind="requires_dist" if extra is None else f"extra: {extra[1]}",
        is_optional=extra is not None,
    )


@lru_cache(maxsize=16_384)
def parsed_version(number: str) -> Version:
    """Parse a version that was checked when it was uploaded."""
    return Version(number)


def precedence(number: str) -> tuple[bool, Version]:
    """Return by what versions are compared: a final one comes before any pre-release."""
    version = parsed_version(number)
    return not version.is_prerelease, version


def _listed(change: ListedChange) -> str | None:
    """Say which project is there now: ``name display``; or ``name`` where it is gone."""
    if not change.is_listed:
        return change.name
    return f"{change.name} {change.display}" if change.is_renamed else None


FORMAT = PackageFormat(
    name=PROTOCOL_NAME,
    default_tag="",
    instead_of_yanking="",
    purl_type="pypi",
    name_of_purl=_name_of_purl,
    dependencies=_dependencies,
    precedence=precedence,
    has_status=True,
    listed=_listed,
)
