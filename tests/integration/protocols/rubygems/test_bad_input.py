"""Bad gems: each gets its sentence, and nothing of it is stored."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from app.extensions import store
from app.models import Package, PublishClaim, Version
from tests.gem_files import a_gem, pack, pax_path, specification_yaml, tar, tar_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.protocols.rubygems.conftest import Gems
    from tests.world import World


@pytest.fixture(autouse=True)
def _nothing_is_stored(world: World) -> Iterator[None]:
    yield
    with world.context():
        assert not Package.objects.count()
        assert not Version.objects.count()
        assert not PublishClaim.objects.count()
        assert not list(store.list(""))


def yaml(**changed: str) -> str:
    """A specification that is fine, with texts in it replaced."""
    text = specification_yaml(
        "hola",
        "1.0.0",
        platform="ruby",
        runtime={"rack": [">= 1.0"]},
        development={},
        ruby=[">= 0"],
        more="",
    )
    for old, new in changed.items():
        spelled = {"name": "name: hola", "version": "  version: '1.0.0'\n", "rack": "name: rack"}
        text = text.replace(spelled.get(old, old), new)
    return text


def test_what_is_packed_by_hand_is_fine_but_for_what_is_changed(gems: Gems, world: World) -> None:
    gem = a_gem()
    assert gems.push(gem).status_code == 200
    with world.context():
        for kind in (Package, Version):
            kind.objects.delete()
        for one in list(store.list("")):
            store.delete(one.key)


def with_two_faces() -> bytes:
    """A gem that is another to Ruby, which ends no name at a NUL and knows no pax headers.

    It finds no checksums, takes the files for the specification, and a signature for the files.
    """
    metadata = gzip.compress(yaml().encode())
    others = gzip.compress(yaml(name="name: other").encode())
    sums = f"SHA256:\n  metadata.gz: {sha256(metadata)}\n  data.tar.gz: {sha256(others)}\n"
    return b"".join(
        (
            tar_entry(b"metadata.gz\0x", metadata),
            tar_entry(b"checksums.yaml.gz\0x", gzip.compress(sums.encode())),
            pax_path(b"data.tar.gz"),
            tar_entry(b"metadata.gz", others),
            pax_path(b"metadata.gz.sig"),
            tar_entry(b"data.tar.gz", gzip.compress(tar({}))),
            bytes(1024),
        )
    )


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def with_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    packed = io.BytesIO(a_gem().body)
    with tarfile.open(fileobj=packed, mode="a") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info)
    return packed.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no tar at all",
        a_gem().body[:1000],
        a_gem().body[:-1024] + b"x" * 1024,
        with_member("../x"),
        with_member("/etc/passwd"),
        with_member("data.tar.gz.sig", tarfile.SYMTYPE, "/etc/passwd"),
        with_member("x", tarfile.CHRTYPE),
        with_member("extra"),
        with_member("metadata.gz"),
        with_two_faces(),
        tar({"metadata.gz": b""}),
        pack(yaml(), **{"metadata.gz": gzip.compress(b"0" * 11 * 1024**2)}),
        pack(yaml(), **{"metadata.gz": b"no gzip"}),
        pack(yaml(), **{"checksums.yaml.gz": None}),
        pack(yaml(), **{"checksums.yaml.gz": gzip.compress(b"---\nSHA256: {}\n")}),
        pack(yaml(), **{"data.tar.gz": b"other bytes"}),
    ],
)
def test_files_that_are_no_gem(gems: Gems, body: bytes) -> None:
    answer = gems.request("POST", "api/v1/gems", data=body)
    assert answer.status_code == 422, answer.get_data()
    assert answer.get_data(as_text=True).startswith("cannot process this gem: ")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "text",
    [
        "--- !ruby/object:Gem::Installer\nname: hola\n",
        "--- !!python/object/apply:os.system ['true']\n",
        yaml() + "x: !ruby/object:Gem::Installer {}\n",
        yaml() + "x: !unknown y\n",
        yaml() + "a: &a [x]\nb: [*a, *a]\n",
        yaml() + "x: " + "[" * 30 + "]" * 30 + "\n",
        yaml() + "name: twice\n",
        "\ufeff" + yaml(),
        yaml() + "full_name: ../../../evil\n",
        yaml() + "loaded_from: /etc/passwd\n",
        yaml() + "original_platform: ../../evil\n",
        "--- just text\n",
        "",
        yaml(name="name: ../../etc"),
        yaml(name="name: a b"),
        yaml(name="name: '.'"),
        yaml(name="name: '123'"),
        yaml(name=f"name: {'x' * 300}"),
        yaml(name="name: hölä"),
        yaml(name='name: "hola\\n"'),
        yaml(version="  version: 1..0\n"),
        yaml(version="  version: 1.0\n"),
        yaml(version="  version: '1.0-beta'\n"),
        yaml(version="  version: ' 1.0'\n"),
        yaml(version='  version: "1.0\\n2"\n'),
        yaml(version=f"  version: '{'1' * 500}'\n"),
        yaml(rack='name: "rack\\nevil 1.0 |checksum"'),
        yaml(rack="name: 'rack,evil'"),
        yaml(rack="name: 'rack|evil'"),
        yaml(rack="name: 'rack:evil'"),
        yaml(**{"version: '1.0'": "version: '1.0,evil:>= 1'"}),
        yaml(**{'- - ">="': '- - "|"'}),
        yaml(**{"platform: ruby": "platform: x86/linux"}),
        yaml(**{"platform: ruby": 'platform: "x86\\nlinux"'}),
        yaml(**{"- Alice": "[]", "authors:\n": "authors: "}),
    ],
)
def test_specifications_that_no_gem_can_have(gems: Gems, text: str) -> None:
    answer = gems.request("POST", "api/v1/gems", data=pack(text))
    assert answer.status_code == 422, answer.get_data()
    assert answer.get_data(as_text=True).startswith("cannot process this gem: ")


def test_a_form_without_a_gem(gems: Gems) -> None:
    answer = gems.request(
        "POST", "api/v1/gems", data={"attestations": "[]"}, content_type="multipart/form-data"
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("attestations", "status"),
    [("no JSON", 422), ("{}", 422), (f"[{' ' * (16 * 1024**2 - 2)}]", 413)],
    ids=["no JSON", "no array", "as large as a row"],
)
def test_attestations_that_cannot_be_kept(gems: Gems, attestations: str, status: int) -> None:
    file = FileStorage(io.BytesIO(a_gem().body), "hola.gem")
    boundary, form = encode_multipart({"gem": file, "attestations": attestations})
    answer = gems.request(
        "POST", "api/v1/gems", data=form, content_type=f"multipart/form-data; boundary={boundary}"
    )
    assert answer.status_code == status, answer.get_data()


def test_a_gem_over_the_limit(gems: Gems, world: World) -> None:
    limit = world.app.extensions["packhouse.settings"].max_file_bytes
    answer = gems.request(
        "POST", "api/v1/gems", environ_overrides={"CONTENT_LENGTH": str(limit + 1)}
    )
    assert answer.status_code == 413


@pytest.mark.usefixtures("acme")
def test_headers_that_are_no_credentials(world: World) -> None:
    client = world.app.test_client()
    for header in ("Basic", "Basic ###", "x" * 9000, "Digest a=b", "srg_none, srg_none"):
        answer = client.post("/o/acme/api/v1/gems", headers={"Authorization": header})
        assert answer.status_code == 401, header


@pytest.mark.parametrize(
    "path",
    [
        "gems/..%2f..%2fsecret.gem",
        "info/..",
        "info/a%2fb",
        "quick/Marshal.4.8/../x",
        "quick/Marshal.4.8/..%2fx.gemspec.rz",
        "gems/hola.gem",
        "gems/-1.gem",
        "info/.",
    ],
)
def test_paths_that_lead_nowhere(gems: Gems, path: str) -> None:
    assert gems.get(path).status_code == 404
