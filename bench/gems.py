"""Gems that are pushed: as small as they can be."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

_SPECIFICATION = """\
--- !ruby/object:Gem::Specification
name: {name}
version: !ruby/object:Gem::Version
  version: {version}
platform: ruby
authors:
- A. Author
date: 2026-01-01 00:00:00.000000000 Z
dependencies: []
required_ruby_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
required_rubygems_version: !ruby/object:Gem::Requirement
  requirements:
  - - ">="
    - !ruby/object:Gem::Version
      version: '0'
rubygems_version: 3.6.9
summary: Exists to be measured
"""


def gem(name: str, version: str) -> bytes:
    """Return a gem without any files."""
    members = {
        "metadata.gz": gzip.compress(
            _SPECIFICATION.format(name=name, version=version).encode(), mtime=0
        ),
        "data.tar.gz": gzip.compress(bytes(1024), mtime=0),
    }
    sums = "".join(
        f"  {member}: {hashlib.sha256(body).hexdigest()}\n" for member, body in members.items()
    )
    members["checksums.yaml.gz"] = gzip.compress(f"---\nSHA256:\n{sums}".encode(), mtime=0)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member, body in members.items():
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(body), 0o444
            archive.addfile(info, io.BytesIO(body))
    return packed.getvalue()
