"""Installing with every pip and with uv (acceptance rows 6, 7, 9, 10, 11, 15, 16 and 21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.pypi.author import Author
from tests.clients.pypi.index import sha256, with_token
from tests.clients.pypi.installed import pips
from tests.clients.pypi.projects import new_name

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.pypi.desk import Desk
    from tests.clients.pypi.index import Index
    from tests.clients.recorder import Recorder

pytestmark = pytest.mark.client

MIB = 1024 * 1024
READ_METADATA = frozenset({"24.3.1", "26.3"})
"""The releases of pip that ask for the metadata that JSON pages announce."""

every_pip = pytest.mark.parametrize("pip", pips())


def requirement(folder: Path, name: str, version: str, *digests: str) -> Path:
    """Write a requirements file of one line with hashes."""
    file = folder / "requirements.txt"
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in digests)
    file.write_text(f"{name}=={version} {hashes}\n")
    return file


@every_pip
def test_pip_installs(
    desk: Desk, recorded: Index, recorder: Recorder, author: Author, pip: str
) -> None:
    built = author.publish("1.0")
    environment = desk.environment(pip)
    spelled = author.name.replace(".", "_")
    environment.install(recorded.signed_in, f"{spelled}==1.0")
    assert environment.version_of(author.module) == "1.0"
    read = [one.path.rpartition("/")[2] for one in recorder.take() if one.status == 200]
    assert built.wheel.name in read
    assert (f"{built.wheel.name}.metadata" in read) == (pip in READ_METADATA)


def test_pip_plans_from_metadata_alone(
    desk: Desk, recorded: Index, recorder: Recorder, author: Author
) -> None:
    needed = Author(author.index, desk.home / "needed", new_name("needed"))
    needed.publish("1.0")
    author.publish("1.0", dependencies=(f"{needed.name}>=1",))
    planned = desk.newest_pip().install(recorded.signed_in, "--dry-run", author.name)
    assert f"{needed.module}-1.0".replace("_", "-") in planned.output.replace("_", "-")
    read = [one.path for one in recorder.take() if "/files/" in one.path]
    assert len(read) == 2
    assert all(path.endswith(".whl.metadata") for path in read)


@every_pip
def test_pip_downloads_the_very_source_distribution(
    desk: Desk, index: Index, author: Author, pip: str
) -> None:
    built = author.publish("1.0")
    folder = desk.machine.folder("downloaded")
    desk.environment(pip).pip(
        *("download", "--no-input", "--no-binary", ":all:", "--dest", folder),
        *("--index-url", index.signed_in, author.name),
    )
    (downloaded,) = folder.iterdir()
    assert downloaded.name == built.sdist.name
    assert downloaded.read_bytes() == built.sdist.read_bytes()


@every_pip
def test_pip_installs_only_what_has_the_required_hash(
    desk: Desk, index: Index, author: Author, pip: str
) -> None:
    built = author.publish("1.0")
    right = sha256(built.wheel.read_bytes())
    environment = desk.environment(pip)
    good = requirement(desk.machine.folder("good"), author.name, "1.0", right)
    bad = requirement(desk.machine.folder("bad"), author.name, "1.0", sha256(b"something else"))
    refused = environment.install(index.signed_in, "--require-hashes", "-r", bad, fails=True)
    assert "DO NOT MATCH THE HASHES" in refused.text
    environment.install(index.signed_in, "--require-hashes", "-r", good)
    assert environment.version_of(author.module) == "1.0"


def test_uv_installs(desk: Desk, index: Index, author: Author) -> None:
    author.publish("1.0")
    environment = desk.environment()
    desk.uv_install(environment, index.signed_in, author.name)
    assert environment.version_of(author.module) == "1.0"


def test_a_file_that_needs_another_python_is_passed_over(
    desk: Desk, index: Index, author: Author
) -> None:
    author.publish("1.0")
    author.publish("1.1", requires_python=">=99")
    by_pip, by_uv = desk.newest_pip(), desk.environment()
    by_pip.install(index.signed_in, author.name)
    desk.uv_install(by_uv, index.signed_in, author.name)
    assert by_pip.version_of(author.module) == "1.0"
    assert by_uv.version_of(author.module) == "1.0"
    refused = by_pip.install(index.signed_in, f"{author.name}==1.1", fails=True)
    assert "Requires-Python >=99" in refused.text


def test_what_was_uploaded_just_now_is_installed(desk: Desk, index: Index, author: Author) -> None:
    author.publish("1.4")
    by_pip, by_uv = desk.newest_pip(), desk.environment()
    by_pip.install(index.signed_in, author.name)
    desk.uv_install(by_uv, index.signed_in, author.name)
    author.publish("1.5")
    by_pip.install(index.signed_in, "--upgrade", author.name)
    desk.uv_install(by_uv, index.signed_in, "--upgrade", author.name)
    assert by_pip.version_of(author.module) == "1.5"
    assert by_uv.version_of(author.module) == "1.5"


def test_what_is_too_new_is_passed_over(desk: Desk, index: Index, author: Author) -> None:
    author.publish("1.0")
    newer = author.publish("1.1")
    uploaded = index.files(author.name)
    limit = min(uploaded[file.name]["upload-time"] for file in newer.files)
    by_pip, by_uv = desk.newest_pip(), desk.environment()
    by_pip.install(index.signed_in, "--uploaded-prior-to", limit, author.name)
    desk.uv_install(by_uv, index.signed_in, "--exclude-newer", limit, author.name)
    assert by_pip.version_of(author.module) == "1.0"
    assert by_uv.version_of(author.module) == "1.0"


def test_a_local_version_is_installed(desk: Desk, index: Index, author: Author) -> None:
    built = author.publish("1.0+cu121")
    url = index.files(author.name)[built.wheel.name]["url"]
    assert "1.0%2Bcu121" in url
    assert "+" not in url
    by_pip, by_uv = desk.newest_pip(), desk.environment()
    by_pip.install(index.signed_in, f"{author.name}==1.0+cu121")
    desk.uv_install(by_uv, index.signed_in, f"{author.name}==1.0+cu121")
    assert by_pip.version_of(author.module) == "1.0+cu121"
    assert by_uv.version_of(author.module) == "1.0+cu121"


@pytest.fixture
def links(recorded: Index, author: Author, index: Index, tmp_path: Path) -> Path:
    """A page with a wheel of ours that says nothing about metadata."""
    built = author.publish("1.0", data_bytes=MIB)
    url = index.files(author.name)[built.wheel.name]["url"]
    url = with_token(url.replace(index.origin, recorded.origin), index.account)
    page = tmp_path / "links.html"
    page.write_text(
        f'<!DOCTYPE html><html><body><a href="{url}">{built.wheel.name}</a></body></html>'
    )
    return page


def reads_of_files(recorder: Recorder) -> list[str]:
    """Return method and status of what was read of files, in order."""
    return [f"{one.method} {one.status}" for one in recorder.take() if "/files/" in one.path]


@every_pip
def test_pip_reads_metadata_out_of_a_wheel_by_ranges(
    desk: Desk, links: Path, author: Author, recorder: Recorder, pip: str
) -> None:
    environment = desk.environment(pip)
    environment.pip(
        *("install", "--no-input", "--no-index", "--find-links", links),
        *("--use-feature", "fast-deps", author.name),
    )
    assert environment.version_of(author.module) == "1.0"
    reads = reads_of_files(recorder)
    assert reads[:3] == ["HEAD 200", "GET 206", "GET 206"]
    assert set(reads[3:]) == {"GET 200"}  # to install it: once, by pip 22 and 23 twice


def test_uv_reads_metadata_out_of_a_wheel_by_ranges(
    desk: Desk, links: Path, author: Author, recorder: Recorder
) -> None:
    environment = desk.environment()
    where = ("--python", environment.python, "--no-index", "--find-links", links)
    desk.run("uv", "pip", "install", *where, author.name)
    assert environment.version_of(author.module) == "1.0"
    reads = reads_of_files(recorder)
    assert reads.count("GET 200") == 1
    assert "GET 206" in reads


def test_pip_goes_on_with_a_download_that_broke_off(
    desk: Desk, recorded: Index, recorder: Recorder, author: Author
) -> None:
    author.publish("1.0", data_bytes=MIB)
    recorder.cut_once_after(MIB // 2)
    environment = desk.newest_pip()
    environment.install(recorded.signed_in, author.name)
    assert environment.version_of(author.module) == "1.0"
    assert reads_of_files(recorder) == ["GET 200", "GET 200", "GET 206"]  # of metadata: the first
