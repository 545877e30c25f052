"""What use cases that serve every package format need to know of each.

A protocol supplies its :class:`PackageFormat`; the app is given all of them when it is
built, so that nothing here knows which formats there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from flask import Flask, current_app

from app.registry.version_views import VersionSource

if TYPE_CHECKING:
    from app.registry.listings import ListedChange

_FORMATS = "packhouse.formats"


def _none(keys: Collection[str]) -> set[str]:
    """Name no objects."""
    del keys
    return set()


def _no_bytes(packages: Collection[ObjectId]) -> int:
    """Hold nothing."""
    del packages
    return 0


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """What one version needs.

    Attributes:
        requirement: in the format's own syntax.
        kind: in the words of the format's manifests, such as ``devDependencies``.
    """

    name: str
    requirement: str
    kind: str
    is_optional: bool = False


@dataclass(frozen=True, kw_only=True)
class PackageFormat:
    """One package format.

    Attributes:
        name: ``Repository.protocol``.
        default_tag: the movable name that every package has; empty where tags are free.
        instead_of_yanking: what to do where versions of this format cannot be yanked;
            empty where they can.
        purl_type: the type of its package URLs.
        name_of_purl: a package's normal name, from a package URL's namespace (empty where
            it has none) and name.
        dependencies: what a version's manifest says that it needs.
        named_keys: which keys of objects it names in rows of its own, beside versions.
        versions: how it shows its versions, where they are not rows of their own.
        stored_bytes: how many bytes some packages of one organization hold together in rows of
            its own, beside versions.
        names_repositories: a package's first component may be its repository's slug.
        precedence: by which versions are compared, from a number in normal form: the
            greatest speaks for the package. None: the newest does, or a tag says it.
        hides_yanked: a yanked version is not given to anybody any more.
        has_status: its clients are told whether a package is cared for, and where else it is.
        listed: what a change says in the lists of the format's packages; None where they do
            not show it. Called within the change's transaction. None: there are no lists.
    """

    name: str
    default_tag: str
    instead_of_yanking: str
    purl_type: str
    name_of_purl: Callable[[str, str], str]
    dependencies: Callable[[bytes], tuple[Dependency, ...]]
    named_keys: Callable[[Collection[str]], set[str]] = _none
    versions: VersionSource | None = None
    stored_bytes: Callable[[Collection[ObjectId]], int] = _no_bytes
    names_repositories: bool = False
    precedence: Callable[[str], Any] | None = None  # anything that can be compared
    hides_yanked: bool = False
    has_status: bool = False
    listed: Callable[[ListedChange], str | None] | None = None


def install(app: Flask, formats: Iterable[PackageFormat]) -> None:
    """Give the app the formats that it serves."""
    app.extensions[_FORMATS] = {one.name: one for one in formats}


def served_formats() -> dict[str, PackageFormat]:
    """Return the formats that this app serves, by name."""
    found: dict[str, PackageFormat] = current_app.extensions[_FORMATS]
    return found


def format_of(protocol: str) -> PackageFormat:
    """Return a format that is served; what is stored is of none other."""
    return served_formats()[protocol]


def keys_named(keys: Collection[str]) -> set[str]:
    """Return which keys of objects a format names in rows of its own."""
    return {key for one in served_formats().values() for key in one.named_keys(keys)}


def stored_bytes(packages: Collection[ObjectId]) -> int:
    """Return how many bytes some packages of one organization hold beside their versions."""
    return sum(one.stored_bytes(packages) for one in served_formats().values())
