"""Gems as bytes, made by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Gem:
    """One gem."""

    name: str
    version: str
    platform: str
    body: bytes

    @property
    def number(self) -> str:
        """Version and platform, as the indexes write them."""
        return self.version if self.platform == "ruby" else f"{self.version}-{self.platform}"

    @property
    def full_name(self) -> str:
        """Name, version and platform."""
        return f"{self.name}-{self.number}"

    @property
    def filename(self) -> str:
        """The file's name."""
        return f"{self.full_name}.gem"

    @property
    def sha256(self) -> str:
        """The file's digest."""
        return hashlib.sha256(self.body).hexdigest()


def a_gem(
    name: str = "hola",
    version: str = "1.0.0",
    *,
    platform: str = "ruby",
    runtime: Mapping[str, Sequence[str]] | None = None,
    development: Mapping[str, Sequence[str]] | None = None,
    ruby: Sequence[str] = (">= 0",),
    more: str = "",
    files: bytes = b"",
) -> Gem:
    """Build a gem as ``gem build`` does.

    Args:
        runtime, development: what it needs: requirements such as ``>= 1.0`` by gem.
        ruby: the requirements on Ruby.
        more: lines of YAML that are added to its specification.
        files: what tells one build from another.
    """
    yaml = specification_yaml(
        name,
        version,
        platform=platform,
        runtime=runtime or {},
        development=development or {},
        ruby=ruby,
        more=more,
    )
    return Gem(name=name, version=version, platform=platform, body=pack(yaml, files))


def pack(yaml: str, files: bytes = b"", **changed: bytes | None) -> bytes:
    """Pack a specification; a member named in ``changed`` is another, or left out."""
    members: dict[str, bytes | None] = {
        "metadata.gz": gzip.compress(yaml.encode(), mtime=0),
        "data.tar.gz": gzip.compress(files, mtime=0),
    }
    lines = ["---"]
    for algorithm in ("SHA256", "SHA512"):
        lines.append(f"{algorithm}:")
        for member, body in members.items():
            digest = hashlib.new(algorithm, body or b"").hexdigest()
            lines.append(f"  {member}: {digest}")
    members["checksums.yaml.gz"] = gzip.compress("\n".join([*lines, ""]).encode(), mtime=0)
    members |= changed
    return tar({name: body for name, body in members.items() if body is not None})


def tar(members: Mapping[str, bytes]) -> bytes:
    """Pack members, with the same bytes each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            info.mode = 0o444
            archive.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def tar_entry(name: bytes, body: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return one entry of a tar, whatever its name."""
    info = tarfile.TarInfo()
    info.size, info.type = len(body), kind
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    header[: len(name)] = name
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + body + bytes(-len(body) % 512)


def pax_path(path: bytes) -> bytes:
    """Return the header that gives the next entry another path."""
    record = b" path=%s\n" % path
    return tar_entry(b"pax", b"%d%s" % (len(record) + 2, record), tarfile.XHDTYPE)


def specification_yaml(
    name: str,
    version: str,
    *,
    platform: str,
    runtime: Mapping[str, Sequence[str]],
    development: Mapping[str, Sequence[str]],
    ruby: Sequence[str],
    more: str,
) -> str:
    """Write a specification."""
    dependencies = [
        *_dependencies(runtime, "runtime"),
        *_dependencies(development, "development"),
    ]
    lines = [
        "--- !ruby/object:Gem::Specification",
        f"name: {name}",
        "version: !ruby/object:Gem::Version",
        f"  version: '{version}'",
        f"platform: {platform}",
        "authors:",
        "- Alice",
        "bindir: bin",
        "cert_chain: []",
        "date: 2026-01-02 00:00:00.000000000 Z",
        *(["dependencies:", *dependencies] if dependencies else ["dependencies: []"]),
        "description: Says it",
        "email: alice@packhouse.test",
        "executables: []",
        f"homepage: https://{name}.test/",
        "licenses:",
        "- MIT",
        "metadata: {}",
        "post_install_message:",
        "required_ruby_version: !ruby/object:Gem::Requirement",
        "  requirements:",
        *_requirements(ruby),
        "required_rubygems_version: !ruby/object:Gem::Requirement",
        "  requirements:",
        *_requirements([">= 0"]),
        "rubygems_version: 3.3.15",
        "specification_version: 4",
        f"summary: {name} says it",
        "test_files: []",
    ]
    return "\n".join([*lines, more, ""])


def _dependencies(wanted: Mapping[str, Sequence[str]], kind: str) -> list[str]:
    lines = []
    for name, requirements in wanted.items():
        written = [f"  {line}" for line in _requirements(requirements)]
        lines += [
            "- !ruby/object:Gem::Dependency",
            f"  name: {name}",
            "  requirement: !ruby/object:Gem::Requirement",
            "    requirements:",
            *written,
            f"  type: :{kind}",
            "  prerelease: false",
            "  version_requirements: !ruby/object:Gem::Requirement",
            "    requirements:",
            *written,
        ]
    return lines


def _requirements(requirements: Sequence[str]) -> list[str]:
    lines = []
    for one in requirements:
        operator, _, version = one.partition(" ")
        lines += [
            f'  - - "{operator}"',
            "    - !ruby/object:Gem::Version",
            f"      version: '{version}'",
        ]
    return lines
