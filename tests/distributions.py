"""Wheels and source distributions as bytes, made by hand, and the form that uploads them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass, field
from typing import Any

METADATA_VERSION = "2.4"


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """One file to upload, and what its form says of it.

    Attributes:
        metadata: what is in the archive, as METADATA or PKG-INFO.
        fields: of the form; a test changes what it likes.
    """

    filename: str
    body: bytes
    metadata: bytes
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The file's digest."""
        return hashlib.sha256(self.body).hexdigest()

    def form(self, **changes: Any) -> dict[str, Any]:
        """Return the form for Flask's test client; a change to None leaves a field out."""
        sent = {**self.fields, "content": (io.BytesIO(self.body), self.filename), **changes}
        return {name: value for name, value in sent.items() if value is not None}


def metadata_of(name: str, version: str, *lines: str, description: str = "") -> bytes:
    """Write core metadata."""
    head = [f"Metadata-Version: {METADATA_VERSION}", f"Name: {name}", f"Version: {version}"]
    return "\n".join([*head, *lines, "", description]).encode()


def a_wheel(
    name: str = "My.Pkg",
    version: str = "1.0",
    *lines: str,
    tag: str = "py3-none-any",
    files: dict[str, bytes] | None = None,
    description: str = "",
    spelled: str = "",
) -> Distribution:
    """Build a wheel.

    Args:
        name, version: as its metadata say.
        lines: more metadata.
        tag: of the interpreters that it is for.
        files: its modules; none gives one that is its own remark.
        description: as in the metadata.
        spelled: the version as the file's name spells it.
    """
    base = f"{escaped(name)}-{spelled or version}"
    metadata = metadata_of(name, version, *lines, description=description)
    inside = {
        **(files if files is not None else {f"{escaped(name)}.py": b"VERSION = 1\n"}),
        f"{base}.dist-info/METADATA": metadata,
        f"{base}.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
        ).encode(),
    }
    record = "".join(f"{path},{_record_hash(body)},{len(body)}\n" for path, body in inside.items())
    inside[f"{base}.dist-info/RECORD"] = (record + f"{base}.dist-info/RECORD,,\n").encode()
    body = a_zip(inside)
    return _distribution(
        f"{base}-{tag}.whl",
        body,
        metadata,
        name=name,
        version=version,
        kind="bdist_wheel",
        python="py3",
    )


def an_sdist(
    name: str = "My.Pkg", version: str = "1.0", *lines: str, spelled: str = ""
) -> Distribution:
    """Build a source distribution; ``spelled`` is its file's name without ``.tar.gz``."""
    base = spelled or f"{escaped(name)}-{version}"
    metadata = metadata_of(name, version, *lines)
    body = a_tar_gz({f"{base}/PKG-INFO": metadata, f"{base}/setup.py": b"# nothing\n"})
    return _distribution(
        f"{base}.tar.gz",
        body,
        metadata,
        name=name,
        version=version,
        kind="sdist",
        python="source",
    )


def a_zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack files, with the same bytes each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for path, body in files.items():
            info = zipfile.ZipInfo(path, (2020, 2, 2, 0, 0, 0))
            info.compress_type = compression
            archive.writestr(info, body)
    return packed.getvalue()


def a_tar_gz(files: dict[str, bytes]) -> bytes:
    """Pack files, with the same bytes each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, body in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return gzip.compress(packed.getvalue(), mtime=0)


def escaped(name: str) -> str:
    """Write a project's name as the names of files begin."""
    return name.lower().replace("-", "_").replace(".", "_")


def _distribution(
    filename: str, body: bytes, metadata: bytes, *, name: str, version: str, kind: str, python: str
) -> Distribution:
    return Distribution(
        filename=filename,
        body=body,
        metadata=metadata,
        fields={
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": METADATA_VERSION,
            "name": name,
            "version": version,
            "filetype": kind,
            "pyversion": python,
            "sha256_digest": hashlib.sha256(body).hexdigest(),
            "md5_digest": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        },
    )


def _record_hash(body: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"
