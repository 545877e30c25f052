"""Pushing an OCI image layout, with each of the clients that can."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.oci.desk import Desk

PUSHERS = ("skopeo", "crane", "regctl", "oras")


def push(desk: Desk, pusher: str, layout: Path, name: str) -> None:
    """Push what is tagged ``1`` in a layout."""
    if pusher == "skopeo":
        desk.copy(f"oci:{layout}:1", desk.remote(name))
    elif pusher == "crane":
        desk.run("crane", "push", layout, desk.image(name))
    elif pusher == "regctl":
        desk.run("regctl", "image", "copy", f"ocidir://{layout}:1", desk.image(name))
    else:
        target = ("--to-plain-http", desk.image(name))
        desk.run("oras", "copy", "--from-oci-layout", f"{layout}:1", *target)
