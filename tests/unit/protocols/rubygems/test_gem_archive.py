from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.protocols.rubygems.gem_archive import MAX_UNPACKED_BYTES, read_gem
from app.protocols.rubygems.gemspec import DEVELOPMENT, RUNTIME, GemDependency, GemSpecification
from tests.clients.rubygems.installed import Release, releases
from tests.unit.protocols.rubygems import gem_files
from tests.unit.protocols.rubygems.gem_files import METADATA, checksums, gem, members, tar

if TYPE_CHECKING:
    from pathlib import Path

GEMSPEC = """
Gem::Specification.new do |s|
  s.name = 'hola'
  s.version = '1.0-beta'
  s.platform = 'x86_64-linux'
  s.summary = 'Says: hola'
  s.description = "Two\\nlines, é"
  s.authors = ['Bob', 'Ann']
  s.email = ['bob@example.org']
  s.homepage = 'https://hola.example'
  s.licenses = ['MIT']
  s.metadata = { 'rubygems_mfa_required' => 'true' }
  s.required_ruby_version = ['>= 3.0', '< 9']
  s.add_dependency 'rack', '~> 3.0', '!= 3.0.5'
  s.add_development_dependency 'rake'
  s.files = ['lib/hola.rb']
end
"""


def read(raw: bytes) -> GemSpecification:
    return read_gem(io.BytesIO(raw))


@pytest.mark.parametrize("release", releases(), ids=str)
def test_what_gem_builds_is_read(release: Release, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/hola.rb").write_text("puts 'hola'\n")
    (tmp_path / "hola.gemspec").write_text(GEMSPEC)
    subprocess.run(  # noqa: S603  the client itself
        [*release.command("gem"), "build", "hola.gemspec", "-o", "hola.gem"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "LANG": "C.UTF-8", "SOURCE_DATE_EPOCH": "1769817600"},
        check=True,
        capture_output=True,
    )
    with (tmp_path / "hola.gem").open("rb") as file:
        spec = read_gem(file)
    assert spec.filename == "hola-1.0.pre.beta-x86_64-linux.gem"
    assert (spec.summary, spec.description) == ("Says: hola", "Two\nlines, é")
    assert (spec.authors, spec.email) == (("Bob", "Ann"), ("bob@example.org",))
    assert (spec.homepage, spec.licenses) == ("https://hola.example", ("MIT",))
    assert spec.metadata == {"rubygems_mfa_required": "true"}
    assert spec.required_ruby_version == (">= 3.0", "< 9")
    assert spec.dependencies == (
        GemDependency(name="rack", requirements=("~> 3.0", "!= 3.0.5"), kind=RUNTIME),
        GemDependency(name="rake", requirements=(">= 0",), kind=DEVELOPMENT),
    )
    assert spec.date == "2026-01-31"


def test_a_sound_gem_is_read() -> None:
    assert read(gem()) == gem_files.specification()


@pytest.mark.parametrize("algorithms", [["SHA256"], ["SHA512"], ["SHA1", "SHA512"]])
def test_one_known_checksum_is_enough(algorithms: list[str]) -> None:
    found = members()
    del found["checksums.yaml.gz"]
    sums = gzip.compress(checksums(found, *algorithms))
    assert read(tar(*found.items(), ("checksums.yaml.gz", sums))) == gem_files.specification()


def test_a_signed_gem_has_a_signature_of_each_member() -> None:
    found = members(METADATA.replace("cert_chain: []", "cert_chain: [a certificate]"))
    signatures = {f"{name}.sig": b"signed" for name in found}
    assert read(tar(*found.items(), *signatures.items())).is_signed
    del signatures["data.tar.gz.sig"]
    with pytest.raises(InvalidInput, match="signed"):
        read(tar(*found.items(), *signatures.items()))


def _with(**changes: bytes) -> bytes:
    """Pack a sound gem with some members changed: ``data`` is data.tar.gz, and so on."""
    names = {"metadata": "metadata.gz", "data": "data.tar.gz", "checksums": "checksums.yaml.gz"}
    return tar(*(members() | {names[key]: raw for key, raw in changes.items()}).items())


def _without(name: str) -> bytes:
    return tar(*(one for one in members().items() if one[0] != name))


def _and(name: str, content: bytes = b"", **fields: object) -> bytes:
    return tar(*members().items(), (name, content), **fields)


def _odd(kind: bytes) -> bytes:
    sound = list(members().items())
    return tar(*sound[:2])[:-10240] + tar((sound[2][0], b""), type=kind, linkname="x")


SOUND = gem()
BOMB = gzip.compress(bytes(MAX_UNPACKED_BYTES + 1))

REFUSED = {
    "nothing": b"",
    "no tar": b"hola" * 1000,
    "a gzip": gzip.compress(SOUND),
    "half of a member": SOUND[:600],
    "half a header": SOUND[:700],
    "something after its end": SOUND + b"x",
    "no metadata": _without("metadata.gz"),
    "no data": _without("data.tar.gz"),
    "no checksums": _without("checksums.yaml.gz"),
    "metadata as in old gems": _and("metadata", METADATA.encode()),
    "a path that goes up": _and("../x"),
    "an absolute path": _and("/etc/passwd"),
    "a path of its own folder": _and("./metadata.gz"),
    "another member": _and("lib/hola.rb"),
    "a name in other case": _and("METADATA.gz"),
    "a blank after a name": _and("metadata.gz "),
    "a duplicate": _and("metadata.gz", members()["metadata.gz"]),
    "a symbolic link": _odd(tarfile.SYMTYPE),
    "a hard link": _odd(tarfile.LNKTYPE),
    "a device": _odd(tarfile.CHRTYPE),
    "a folder": _odd(tarfile.DIRTYPE),
    "a large signature": _and("data.tar.gz.sig", bytes(MAX_UNPACKED_BYTES + 1)),
    "a bomb": _with(metadata=BOMB),
    "a bomb of checksums": _with(checksums=BOMB),
    "metadata that is not packed": _with(metadata=METADATA.encode()),
    "metadata in two parts": _with(metadata=members()["metadata.gz"] * 2),
    "metadata that are cut off": _with(metadata=members()["metadata.gz"][:-4]),
    "metadata that are damaged": _with(metadata=b"\x1f\x8b" + bytes(100)),
    "data that are not packed": _with(data=b"x"),
    "empty data": _with(data=b""),
    "other data": _with(data=gzip.compress(b"y")),
    "other metadata": _with(metadata=gzip.compress(METADATA.replace("Bob", "Eve").encode())),
    "empty checksums": _with(checksums=gzip.compress(b"--- {}")),
    "a list for checksums": _with(checksums=gzip.compress(b"--- []")),
    "checksums of old kinds": _with(checksums=gzip.compress(checksums(members(), "MD5"))),
    "a text for checksums": _with(checksums=gzip.compress(b"SHA256: a")),
    "a checksum of one": _with(
        checksums=gzip.compress(checksums({"metadata.gz": members()["metadata.gz"]}))
    ),
    "a checksum of more": _with(checksums=gzip.compress(checksums(members()))),
    "an object of Python": gem("--- !!python/object/apply:os.system [ls]"),
    "an alias": gem(METADATA.replace("- Bob", "- &a Bob\n- *a")),
    "a wrong name": gem(METADATA.replace("name: hola", "name: ../../etc")),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_what_gem_would_never_build_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^cannot process this gem: .*\.$"):
        read(raw)


def test_a_large_gem_is_read_in_little_memory() -> None:
    content = b"\x1f\x8b" + bytes(64 * 1024**2)
    found = members()
    found["data.tar.gz"] = content
    del found["checksums.yaml.gz"]
    large = tar(*found.items(), ("checksums.yaml.gz", gzip.compress(checksums(found))))
    tracemalloc.start()
    try:
        assert read(large) == gem_files.specification()
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    finally:
        tracemalloc.stop()


@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_a_changed_byte_never_changes_the_specification(at: int, change: int) -> None:
    raw = bytearray(SOUND)
    raw[at] ^= change
    try:
        spec = read(bytes(raw))
    except InvalidInput:
        return
    assert spec == gem_files.specification()


@given(st.binary(max_size=2000))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(raw)
