"""Wheels and source distributions: what is read of them, and what is refused."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.pypi.core_metadata import MAX_BYTES
from app.protocols.pypi.filenames import parse_filename
from app.protocols.pypi.sdists import read_sdist
from app.protocols.pypi.wheels import read_wheel
from tests.distributions import a_tar_gz, a_wheel, a_zip, an_sdist, metadata_of

if TYPE_CHECKING:
    from pathlib import Path

    from app.protocols.pypi.inspected import Inspected

WHEEL = a_wheel("My.Pkg", "1.0", "Requires-Dist: other>=1")
SDIST = an_sdist("My.Pkg", "1.0")
INFO = "my_pkg-1.0.dist-info"
TOP = "my_pkg-1.0"
GOOD = metadata_of("My.Pkg", "1.0")


def wheel(body: bytes, filename: str = WHEEL.filename) -> Inspected:
    return read_wheel(io.BytesIO(body), parse_filename(filename))


def sdist(body: bytes, filename: str = SDIST.filename) -> Inspected:
    return read_sdist(io.BytesIO(body), parse_filename(filename))


def packed(**files: bytes | None) -> bytes:
    inside: dict[str, bytes | None] = {
        f"{INFO}/METADATA": GOOD,
        f"{INFO}/WHEEL": b"",
        f"{INFO}/RECORD": b"",
    }
    inside |= {name.replace("INFO", INFO): body for name, body in files.items()}
    return a_zip({name: body for name, body in inside.items() if body is not None})


def entry(path: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A source distribution with one more entry."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        info = tarfile.TarInfo(f"{TOP}/PKG-INFO")
        info.size = len(GOOD)
        archive.addfile(info, io.BytesIO(GOOD))
        more = tarfile.TarInfo(path)
        more.type, more.linkname = kind, link
        archive.addfile(more)
    return gzip.compress(plain.getvalue())


def test_a_wheels_metadata_are_given_as_they_are() -> None:
    found = wheel(WHEEL.body)
    assert found.served == WHEEL.metadata
    assert found.metadata.fields["requires_dist"] == ["other>=1"]


def test_an_sdists_metadata_are_given_where_they_hold() -> None:
    assert sdist(SDIST.body).served == SDIST.metadata
    dynamic = an_sdist("My.Pkg", "1.0", "Dynamic: Requires-Dist")
    assert sdist(dynamic.body).served is None
    zipped = a_zip({f"{TOP}/PKG-INFO": GOOD, f"{TOP}/setup.py": b""})
    assert sdist(zipped, "my_pkg-1.0.zip").served == GOOD


@pytest.mark.parametrize(
    "body",
    [
        SDIST.body,
        packed(**{"INFO/METADATA": None}),
        packed(**{"INFO/WHEEL": None}),
        packed(**{"INFO/RECORD": None}),
        packed(**{"other-1.0.dist-info/METADATA": GOOD}),
        packed(**{"INFO/METADATA": b"x" * (MAX_BYTES + 1)}),
        packed(**{"INFO/METADATA": b"\xff\xfe"}),
        packed(**{"INFO/METADATA": b""}),
        a_zip({"other-1.0.dist-info/METADATA": GOOD}),
        a_zip({"my_pkg-1.1.dist-info/METADATA": GOOD}),
        a_zip({f"my_pkg-{'9' * 5000}.dist-info/METADATA": GOOD}),
        a_zip({"x.dist-info/METADATA": GOOD}),
    ],
)
def test_wheels_that_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^Invalid distribution file\. "):
        wheel(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        WHEEL.body,
        SDIST.body[:-20],
        SDIST.body + b"PK",
        gzip.compress(b"no tar", mtime=0),
        a_tar_gz({f"{TOP}/setup.py": b""}),
        a_tar_gz({f"{TOP}/PKG-INFO": GOOD, "other/x": b""}),
        a_tar_gz({f"{TOP}/PKG-INFO": GOOD, "x": b""}),
        a_tar_gz({f"{TOP}/PKG-INFO": b"x" * (MAX_BYTES + 1)}),
        a_tar_gz({f"{TOP}/PKG-INFO": GOOD, f"{TOP}/zeros": bytes(80 * 1024**2)}),
        entry("../x"),
        entry(f"{TOP}/../../x"),
        entry("/etc/passwd"),
        entry(f"{TOP}/link", tarfile.SYMTYPE, "/etc/passwd"),
        entry(f"{TOP}/link", tarfile.SYMTYPE, "../../x"),
        entry(f"{TOP}/link", tarfile.LNKTYPE, "../x"),
        entry(f"{TOP}/tty", tarfile.CHRTYPE),
        entry(f"{TOP}/pipe", tarfile.FIFOTYPE),
        entry(f"{TOP}/sparse", tarfile.GNUTYPE_SPARSE),
        entry(f"{TOP}/PKG-INFO"),
    ],
)
def test_sdists_that_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^Invalid distribution file\. "):
        sdist(body)


@pytest.mark.parametrize(
    ("kind", "target", "through"),
    [
        (tarfile.SYMTYPE, ".", "my_pkg-1.0/link/PKG-INFO"),
        (tarfile.SYMTYPE, "./PKG-INFO", "my_pkg-1.0/link"),
        (tarfile.LNKTYPE, "my_pkg-1.0/PKG-INFO", "my_pkg-1.0/link"),
    ],
)
def test_an_sdist_has_one_pkg_info_however_it_is_unpacked(
    kind: bytes, target: str, through: str, tmp_path: Path
) -> None:
    other = metadata_of("My.Pkg", "1.0", "Requires-Dist: other")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, body in (("my_pkg-1.0/PKG-INFO", GOOD), ("", b""), (through, other)):
            info = tarfile.TarInfo(path or "my_pkg-1.0/link")
            info.size = len(body)
            if not path:
                info.type, info.linkname = kind, target
            archive.addfile(info, io.BytesIO(body))
    with tarfile.open(fileobj=io.BytesIO(packed.getvalue())) as archive:
        archive.extractall(tmp_path, filter="data")
    assert (tmp_path / "my_pkg-1.0/PKG-INFO").read_bytes() == other
    with pytest.raises(InvalidInput, match="link to PKG-INFO"):
        sdist(packed.getvalue())


def test_an_sdist_of_many_tops_takes_no_memory() -> None:
    """A path of 4 KiB takes four times as much once a character in it needs four bytes."""
    tar = b"".join(
        tarfile.TarInfo("\U0001f600" + "x" * 4000 + f"{number}/f").tobuf(
            tarfile.GNU_FORMAT, "utf-8"
        )
        for number in range(2000)
    )
    body = gzip.compress(tar + bytes(1024))
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInput, match="more than one folder"):
            sdist(body)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    finally:
        tracemalloc.stop()


@given(st.integers(0, len(WHEEL.body) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_a_byte_of_a_wheel_that_was_changed_changes_no_metadata(at: int, change: int) -> None:
    body = bytearray(WHEEL.body)
    body[at] ^= change
    with suppress(InvalidInput):
        assert wheel(bytes(body)).served == WHEEL.metadata


@given(st.integers(0, len(SDIST.body) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_a_byte_of_an_sdist_that_was_changed_changes_no_metadata(at: int, change: int) -> None:
    body = bytearray(SDIST.body)
    body[at] ^= change
    with suppress(InvalidInput):
        assert sdist(bytes(body)).served == SDIST.metadata


def test_what_uv_builds_is_taken(tmp_path: Path) -> None:
    (tmp_path / "src/my_pkg").mkdir(parents=True)
    (tmp_path / "src/my_pkg/__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "My.Pkg"\nversion = "1.0"\n'
        '[build-system]\nrequires = ["uv_build"]\nbuild-backend = "uv_build"\n'
    )
    # Its backend is installed here: nothing is fetched.
    command = [sys.executable, "-m", "uv", "build", "--offline", "--no-build-isolation", "-q"]
    subprocess.run(  # noqa: S603  the tests' own uv
        [*command, "--python", sys.executable, "--out-dir", str(tmp_path / "dist")],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache")},
    )
    built = {one.suffix: one for one in (tmp_path / "dist").iterdir() if one.suffix != ""}
    found = wheel(built[".whl"].read_bytes(), built[".whl"].name)
    assert found.metadata.name in {"My.Pkg", "my-pkg"}
    assert sdist(built[".gz"].read_bytes(), built[".gz"].name).served is not None
