"""Gems for tests: specifications, and files as ``gem build`` makes them or an attacker would."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from datetime import date
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from app.protocols.rubygems.gemspec import (
    DEVELOPMENT,
    RUNTIME,
    GemDependency,
    GemSpecification,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = """\
--- !ruby/object:Gem::Specification
name: hola
version: !ruby/object:Gem::Version
  version: 1.0.0
platform: ruby
authors:
- Bob
cert_chain: []
date: 2026-01-31 00:00:00.000000000 Z
dependencies:
- !ruby/object:Gem::Dependency
  name: rack
  requirement: !ruby/object:Gem::Requirement
    requirements:
    - - "~>"
      - !ruby/object:Gem::Version
        version: '3.0'
  type: :runtime
  prerelease: false
description:
email: bob@example.org
files:
- lib/hola.rb
homepage: https://hola.example
licenses:
- MIT
metadata: {}
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '3.0'
required_rubygems_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
rubygems_version: 3.3.15
summary: Says hola
"""


def specification(**changes: Any) -> GemSpecification:
    """Return the specification that METADATA holds, with some fields changed."""
    fields: dict[str, Any] = {
        "name": "hola",
        "version": "1.0.0",
        "platform": "ruby",
        "original_platform": "ruby",
        "summary": "Says hola",
        "description": "",
        "authors": ("Bob",),
        "email": "bob@example.org",
        "homepage": "https://hola.example",
        "licenses": ("MIT",),
        "metadata": {},
        "required_ruby_version": (">= 3.0",),
        "required_rubygems_version": (">= 0",),
        "dependencies": (GemDependency(name="rack", requirements=("~> 3.0",), kind=RUNTIME),),
        "rubygems_version": "3.3.15",
        "date": "2026-01-31",
    }
    return GemSpecification(**{**fields, **changes})


def checksums(members: Mapping[str, bytes], *algorithms: str) -> bytes:
    """Return a checksums.yaml, before it is compressed."""
    lines = ["---"]
    for algorithm in algorithms or ("SHA256", "SHA512"):
        lines.append(f"{algorithm}:")
        lines += [
            f"  {name}: {hashlib.new(algorithm, raw).hexdigest()}" for name, raw in members.items()
        ]
    return "\n".join(lines).encode()


def members(metadata: str | bytes = METADATA, data: bytes = b"") -> dict[str, bytes]:
    """Return the members of a sound gem."""
    raw = metadata if isinstance(metadata, bytes) else metadata.encode()
    found = {
        "metadata.gz": gzip.compress(raw, mtime=0),
        "data.tar.gz": gzip.compress(data, mtime=0),
    }
    return {**found, "checksums.yaml.gz": gzip.compress(checksums(found), mtime=0)}


def tar(
    *entries: tuple[str, bytes], tar_format: int = tarfile.USTAR_FORMAT, **fields: Any
) -> bytes:
    """Pack entries; ``fields`` are attributes of every ``TarInfo``."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tar_format) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def gem(metadata: str | bytes = METADATA, data: bytes = b"") -> bytes:
    """Return a sound gem."""
    return tar(*members(metadata, data).items())


def _texts(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


# What JSON and YAML can hold both; a long one has a packed length of several bytes.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20) | st.builds(
    "é{}".format, st.sampled_from([120, 121, 130, 254, 255, 256]).map("x".__mul__)
)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}[a-z0-9]", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}|\.[a-z][a-z0-9]{0,2}){0,3}", fullmatch=True)
requirements = st.lists(
    st.builds("{} {}".format, st.sampled_from(["=", "!=", ">", "<", ">=", "<=", "~>"]), versions),
    min_size=1,
    max_size=3,
    unique=True,
).map(tuple)
dependencies = st.builds(
    GemDependency,
    name=names,
    requirements=requirements,
    kind=st.sampled_from([RUNTIME, DEVELOPMENT]),
)
platforms = st.sampled_from(
    ["ruby", "java", "x86_64-linux", "x86_64-linux-musl", "arm64-darwin-23", "x64-mingw-ucrt"]
)
specifications = st.builds(
    lambda platform, **fields: GemSpecification(
        platform=platform, original_platform=platform, **fields
    ),
    platform=platforms,
    name=names,
    version=versions,
    summary=texts.map(str.strip),  # as Ruby keeps it
    description=texts,
    authors=st.lists(texts.filter(str.strip), min_size=1, max_size=3).map(tuple),
    email=st.one_of(texts, _texts(texts)),
    homepage=texts,
    licenses=_texts(texts),
    metadata=st.dictionaries(
        st.text("abc_", min_size=1, max_size=8), st.text("xyz é:'\"", max_size=8), max_size=3
    ),
    required_ruby_version=requirements,
    required_rubygems_version=requirements,
    dependencies=st.lists(dependencies, max_size=4, unique_by=lambda one: (one.name, one.kind)).map(
        tuple
    ),
    rubygems_version=versions,
    date=st.dates(min_value=date(1000, 1, 1)).map(str),
)
