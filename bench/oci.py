"""Images: Packhouse beside Docker's registry, and nginx with plain files."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import programs, report
from bench.docker_registry import docker_registry
from bench.image_rows import Sizes, image_rows
from bench.image_seeding import lay_out_as_files, push_everything, push_for_skopeo
from bench.measuring import Journal, measure_all
from bench.nginx import IMAGES, nginx
from bench.packhouse import ORGANIZATION, packhouse
from bench.telling import progress, say

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from bench.peer import Peer
    from bench.rows import Tools

_QUICK = Sizes(medium_mib=1, shared_mib=2, large_mib=20, layer_mib=1, tags=50)


def compare(options: argparse.Namespace, tools: Tools, journal: Journal, data: Path) -> None:
    """Measure all that is to be measured of images.

    Raises:
        CannotStart: a server did not come up.
        Unexpected: a server failed.
    """
    sizes = _QUICK if options.quick else Sizes()
    skopeo = programs.found_or_said(programs.skopeo, options.scratch)
    tools = replace(tools, skopeo=skopeo)
    with ExitStack() as stack:
        ours = stack.enter_context(packhouse(data / "packhouse"))
        peers = [ours.images, *_others(stack, options.scratch, data)]
        for peer in peers:
            _load(peer, data / "nginx", sizes)
        if skopeo is not None:
            push_for_skopeo(skopeo, peers, data / "nginx", sizes)
        lines = measure_all(image_rows(sizes), peers, options, tools, journal)
        names = [peer.name for peer in peers]
        say(report.comparison(lines, names))
        say(report.largest_processes(lines, names))
        say(report.memory(ours.peaks()))


def _others(stack: ExitStack, scratch: Path, data: Path) -> list[Peer]:
    """Start what Packhouse is compared with; says what there is not."""
    found = []
    if program := programs.found_or_said(programs.docker_registry, scratch):
        folder = data / "docker-registry"
        found.append(stack.enter_context(docker_registry(program, folder, ORGANIZATION)))
    if program := programs.found_or_said(programs.nginx, scratch):
        below = f"/v2/{ORGANIZATION}"
        found.append(stack.enter_context(nginx(program, data / "nginx", IMAGES, below=below)))
    return found


def _load(peer: Peer, files: Path, sizes: Sizes) -> None:
    started = time.monotonic()
    if peer.is_registry:
        push_everything(peer, sizes)
    else:
        lay_out_as_files(peer.base_url, files, sizes)
    progress(f"{peer.name} loaded in {time.monotonic() - started:.0f} s")
