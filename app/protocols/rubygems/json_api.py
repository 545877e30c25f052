"""What the JSON API says of gems: pure functions of rows.

Spec: RubyGems.org API, "Gem methods", "Gem version methods".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app.errors import NotFound
from app.protocols.rubygems.format import precedence, split_number
from app.protocols.rubygems.gem_versions import is_prerelease
from app.protocols.rubygems.gemspec import GemSpecification
from app.registry.documents import Snapshot

Row = Mapping[str, Any]

_UNKNOWN = "unknown"


def gem(name: str, row: Row, base_url: str) -> dict[str, Any]:
    """Describe a gem by one of its versions.

    Args:
        name: of the gem.
        row: of the version; of the manifest at least ``manifest``, ``published_at`` and
            ``files``.
        base_url: under which the gem's file is.
    """
    spec = GemSpecification.from_json(bytes(row["manifest"]))
    file = row["files"][0]
    return {
        "name": name,
        "downloads": -1,
        "version": spec.version,
        "version_created_at": _instant(row["published_at"]),
        "version_downloads": -1,
        "platform": spec.platform,
        "authors": ", ".join(spec.authors),
        "info": spec.description or spec.summary,
        "licenses": list(spec.licenses),
        "metadata": dict(spec.metadata),
        "yanked": bool(row.get("is_yanked")),
        "sha": file["sha256"],
        "project_uri": f"{base_url}api/v1/gems/{name}.json",
        "gem_uri": f"{base_url}gems/{quote(file['filename'])}",
        "homepage_uri": spec.homepage or None,
        "wiki_uri": spec.metadata.get("wiki_uri"),
        "documentation_uri": spec.metadata.get("documentation_uri"),
        "mailing_list_uri": spec.metadata.get("mailing_list_uri"),
        "source_code_uri": spec.metadata.get("source_code_uri"),
        "bug_tracker_uri": spec.metadata.get("bug_tracker_uri"),
        "changelog_uri": spec.metadata.get("changelog_uri"),
        "funding_uri": spec.metadata.get("funding_uri"),
        "dependencies": _dependencies(spec),
    }


def newest_gem(snapshot: Snapshot, base_url: str) -> dict[str, Any]:
    """Describe a gem by the version that speaks for it.

    Raises:
        NotFound: all of its versions were yanked.
    """
    for row in _visible(snapshot):
        if row["number"] == snapshot.package["latest_number"]:
            return gem(snapshot.package["display_name"], row, base_url)
    raise NotFound("This rubygem could not be found.")


def versions(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Describe a gem's versions, the highest first."""
    rows = sorted(_visible(snapshot), key=lambda one: precedence(one["number"]), reverse=True)
    return [_version(row) for row in rows]


def version(snapshot: Snapshot, wanted: str, platform: str, base_url: str) -> dict[str, Any]:
    """Describe one version of a gem.

    Args:
        wanted: as its publisher spells it.
        platform: ``ruby`` for that for all.

    Raises:
        NotFound: there is none.
    """
    for row in _visible(snapshot):
        if split_number(row["display_number"]) == (wanted, platform):
            described = gem(snapshot.package["display_name"], row, base_url)
            return {**_version(row), **described, "number": wanted}
    raise NotFound("This version could not be found.")


def latest(snapshot: Snapshot) -> dict[str, str]:
    """Name the newest version that is no prerelease."""
    numbers = [row["number"] for row in _visible(snapshot)]
    released = [one for one in numbers if not is_prerelease(split_number(one)[0])]
    if not released:
        return {"version": _UNKNOWN}
    newest = max(released, key=precedence)
    shown = next(row["display_number"] for row in _visible(snapshot) if row["number"] == newest)
    return {"version": split_number(shown)[0]}


def _visible(snapshot: Snapshot) -> Iterable[Row]:
    return [row for row in snapshot.versions if not row.get("is_yanked")]


def _version(row: Row) -> dict[str, Any]:
    spec = GemSpecification.from_json(bytes(row["manifest"]))
    moment = _instant(row["published_at"])
    return {
        "authors": ", ".join(spec.authors),
        "built_at": f"{spec.date}T00:00:00.000Z",
        "created_at": moment,
        "description": spec.description or None,
        "downloads_count": -1,
        "metadata": dict(spec.metadata),
        "number": spec.version,
        "summary": spec.summary,
        "platform": spec.platform,
        "rubygems_version": ", ".join(spec.required_rubygems_version),
        "ruby_version": ", ".join(spec.required_ruby_version),
        "prerelease": is_prerelease(spec.version),
        "licenses": list(spec.licenses),
        "requirements": [],
        "sha": row["files"][0]["sha256"],
    }


def _dependencies(spec: GemSpecification) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {"development": [], "runtime": []}
    for one in spec.dependencies:
        found[one.kind].append({"name": one.name, "requirements": ", ".join(one.requirements)})
    return found


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
