"""BuildKit, which `docker build` is made of: all it leaves in a registry (rows 7 and 8)."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.clients.oci.daemons import ONLY_ROOT, serving
from tests.clients.oci.wire import INDEX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.machine import Run
    from tests.clients.oci.desk import Desk
    from tests.clients.oci.wire import Wire
    from tests.clients.registry import People

pytestmark = [pytest.mark.client, ONLY_ROOT]

_CONFIG = """\
root = "{{folder}}/root"
[grpc]
address = ["unix://{{socket}}"]
[worker.containerd]
enabled = false
[worker.oci]
enabled = true
snapshotter = "native"
[registry."{host}"]
http = true
"""
_DOCKERFILE = """\
FROM scratch AS base
COPY first /first
FROM base
COPY second /second
"""


@pytest.fixture
def builder(desk: Desk, people: People) -> Desk:
    """A desk where Alice is signed in for Docker's tools, with something to build."""
    desk.sign_in_as(people.alice, "crane")
    folder = desk.machine.folder("sources")
    for file in ("first", "second"):
        (folder / file).write_bytes(secrets.token_bytes(10_000))
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    return desk


@contextmanager
def buildkit(desk: Desk) -> Iterator[Path]:
    """Run a daemon that has built nothing yet; gives its socket."""
    with serving("buildkitd", _CONFIG.format(host=desk.host)) as address:
        yield address


def build(desk: Desk, daemon: Path, name: str, *options: str) -> Run:
    """Build what is on the desk, and push it."""
    return desk.run(
        *("buildctl", "--addr", f"unix://{daemon}", "build", "--progress=plain"),
        *("--frontend=dockerfile.v0", "--local=context=sources", "--local=dockerfile=sources"),
        *options,
        f"--output=type=image,name={desk.image(name)},push=true",
    )


def test_every_platform_and_its_provenance_are_kept(builder: Desk, wire: Wire, name: str) -> None:
    with buildkit(builder) as daemon:
        platforms = "--opt=platform=linux/amd64,linux/arm64"
        build(builder, daemon, f"{name}:1", platforms, "--opt=attest:provenance=mode=max")
    stored = wire.manifest(f"acme/{name}", "1")
    assert stored.headers["content-type"] == INDEX
    children = stored.json()["manifests"]
    architectures = sorted(child["platform"]["architecture"] for child in children)
    assert architectures == ["amd64", "arm64", "unknown", "unknown"]
    for child in children:
        manifest = wire.manifest(f"acme/{name}", child["digest"])
        assert manifest.status == 200
        for part in (manifest.json()["config"], *manifest.json()["layers"]):
            assert len(wire.blob(f"acme/{name}", part["digest"]).body) == part["size"]


def test_another_builder_goes_on_from_the_cache(builder: Desk, name: str) -> None:
    cache = f"type=registry,ref={builder.image(f'{name}:cache')}"
    with buildkit(builder) as daemon:
        built = build(builder, daemon, f"{name}:1", f"--export-cache={cache},mode=max")
        assert "CACHED" not in built.text
    with buildkit(builder) as daemon:
        built = build(builder, daemon, f"{name}:2", f"--import-cache={cache}")
    assert built.text.count("CACHED") == 2


def test_a_name_is_built_upon(builder: Desk, wire: Wire, name: str) -> None:
    with buildkit(builder) as daemon:
        build(builder, daemon, f"{name}:1")
        file = builder.home / "sources/Dockerfile"
        file.write_text(f"FROM {builder.image(f'{name}:1')}\nCOPY first /third\n")
        build(builder, daemon, f"{name}:2")
    assert len(wire.manifest(f"acme/{name}", "2").json()["layers"]) == 3
