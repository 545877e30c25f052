"""Where the entries of an archive go that has one folder at its top."""

from __future__ import annotations

import re

from app.archives.tarballs import Entry, EntryKind, shown
from app.errors import InvalidInput

_DRIVE = re.compile(r"[A-Za-z]:")


def path_below_top(path: str) -> str:
    """Return where an entry goes below its archive's top folder: its first part is dropped.

    Raises:
        InvalidInput: it could lead out of there, on some system.
    """
    parts = path.split("/")
    if ".." in parts or "\\" in path or not parts[0] or any(map(_DRIVE.match, parts[:2])):
        raise InvalidInput(
            f"{shown(path)} is absolute, or has '..' or a backslash in it: it could be unpacked "
            "outside of its folder."
        )
    return "/".join(part for part in parts[1:] if part not in {"", "."})


def require_inside(link: Entry) -> None:
    """Let a link pass that cannot lead out of the package.

    A symbolic link whose target never goes up leads into its own folder at most, and so
    does every path through such links.
    """
    if link.kind is EntryKind.HARDLINK:
        path_below_top(link.link_target)
    elif link.link_target.startswith("/") or not _goes_only_down(link.link_target):
        raise InvalidInput(
            f"{shown(link.path)} is a link that could lead out of the package. "
            "Pack the file itself."
        )


def _goes_only_down(target: str) -> bool:
    return ".." not in target.split("/") and "\\" not in target and not _DRIVE.match(target)
