"""Daemons that some clients are: containerd, and BuildKit's."""

from __future__ import annotations

import os
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.standalone.process import Part, running
from tests.clients.oci.installed import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="this client mounts, which only root may")


@contextmanager
def serving(program: str, config: str) -> Iterator[Path]:
    """Run one on an empty folder for as long as the block; gives its socket.

    Args:
        program: which one.
        config: its configuration, where ``{folder}`` and ``{socket}`` stand for their paths.
    """
    with tempfile.TemporaryDirectory() as name:  # not in a test's folder: a socket's path is short
        folder = Path(name)
        address = folder / "socket"
        (folder / "config.toml").write_text(config.format(folder=folder, socket=address))
        part = Part(
            name=program,
            argv=(str(installed(program)), "--config", str(folder / "config.toml")),
            log=folder / "log",
            is_ready=lambda: _listens(address),
        )
        with running(part):
            yield address


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(address)) == 0
