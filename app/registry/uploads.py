"""What a publish brings, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from app.registry.names import PackageName
from app.storage.base import Staged


@dataclass(frozen=True, kw_only=True)
class UploadedFile:
    """One artifact that arrived, checked and staged, or what goes with it.

    Attributes:
        derived_from: the file that this was taken out of, or goes with; it is no upload of
            its own, and fetching it no download.
        facts: what the protocol's renderer wants to know of it, as JSON values.
    """

    filename: str
    staged: Staged
    media_type: str = "application/octet-stream"
    derived_from: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One version, parsed and checked by its protocol.

    Attributes:
        number: normal form: the key; versions equal in it are the same version.
        manifest: the protocol's own JSON about the version.
        tags: movable names to point at it.
        default_tag: is pointed at it too where the package has no such tag yet.
        facts: what the protocol's renderer wants beside the manifest, as JSON values.
        slot: what of the version these files are, where its files come one by one; a
            version that is there already keeps its own manifest, README and facts.
    """

    name: PackageName
    number: str
    display_number: str
    files: tuple[UploadedFile, ...]
    manifest: bytes
    readme: str = ""
    summary: str = ""
    keywords: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    default_tag: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    slot: str = ""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A version that everyone who may can now see."""

    package_id: ObjectId
    revision: int
