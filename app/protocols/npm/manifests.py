"""The manifest of a version: rebuilt from its tarball, not taken from who published it.

A client that sends one manifest and packs another ("manifest confusion") could hide its
dependencies and its install scripts from everyone who reads the packument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidInput
from app.protocols.npm import package_json, semver
from app.protocols.npm.archives import TarballFacts
from app.protocols.npm.names import PackageName
from app.protocols.npm.parsing import Publish
from app.protocols.npm.semver import Version

# Ours to say, or said elsewhere: in ``dist``, in the packument, in the version's row.
_NOT_FROM_PACKAGE_JSON = frozenset(
    {"dist", "deprecated", "readme", "readmeFilename", "maintainers", "hasInstallScript"}
)
_CLIENT_FIELDS = {
    "gitHead": re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?"),
    "_nodeVersion": re.compile(r"[0-9A-Za-z.+-]{1,64}"),
    "_npmVersion": re.compile(r"[0-9A-Za-z.+-]{1,64}"),
}
_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Who publishes a version, as everyone will see it."""

    username: str
    email: str


def build_manifest(facts: TarballFacts, change: Publish, *, publisher: Publisher) -> dict[str, Any]:
    """Build the manifest that the registry shows, but for ``dist`` and ``deprecated``.

    Args:
        facts: what the tarball says.
        change: what the client says. Only the name and the version, which must be the
            tarball's, and which npm, Node.js and commit made it are taken from there.
        publisher: who publishes it.

    Raises:
        InvalidInput: the tarball says that it is another package or version, or it cannot
            be installed.
    """
    name, version = change.name, change.version
    _require_same(facts.package_json, name, version)
    fields = package_json.normalise(facts.package_json, name.base)
    if facts.has_binding_gyp:
        package_json.add_build_script(fields)
    manifest = {
        field: value
        for field, value in fields.items()
        if not field.startswith("_") and field not in _NOT_FROM_PACKAGE_JSON and value is not None
    }
    manifest |= {"name": name.full, "version": version.key, "_id": f"{name.full}@{version.key}"}
    if facts.readme_filename:
        manifest["readmeFilename"] = facts.readme_filename
    if package_json.has_install_script(fields):
        manifest["hasInstallScript"] = True
    if facts.has_shrinkwrap:
        manifest["_hasShrinkwrap"] = True
    return {
        **manifest,
        **_said_by_client(change.manifest),
        "_npmUser": person(publisher.username, publisher.email),
    }


def person(username: str, email: str) -> dict[str, str]:
    """Return a user in npm's own form."""
    return {"name": username, "email": email} if email else {"name": username}


def _require_same(fields: Mapping[str, Any], name: PackageName, version: Version) -> None:
    if fields.get("name") != name.full:
        raise InvalidInput(
            f"The package.json in the tarball has the name {_shown(fields.get('name'))}, and the "
            f"package is published as {name.full}. They must be equal."
        )
    raw = fields.get("version")
    if not isinstance(raw, str) or _cleaned(raw) != version.key:
        raise InvalidInput(
            f"The package.json in the tarball has the version {_shown(raw)}, and it is published "
            f"as {version.key}. They must be equal."
        )


def _cleaned(raw: str) -> str | None:
    """Return a version as clients publish it, without ``v``, blanks and build metadata."""
    try:
        return semver.parse(raw.strip().lstrip("=v").lstrip()).key
    except semver.InvalidVersion:
        return None


def _said_by_client(client_manifest: Mapping[str, Any]) -> dict[str, str]:
    return {
        field: value
        for field, form in _CLIENT_FIELDS.items()
        if isinstance(value := client_manifest.get(field), str) and form.fullmatch(value)
    }


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN]
