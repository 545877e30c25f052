"""Wheels that are uploaded: small metadata, and a filler that does not compress."""

from __future__ import annotations

import hashlib
import io
import random
import uuid
import zipfile
from dataclasses import dataclass

from bench.packages import KIB

_OVERHEAD_BYTES = 2 * KIB  # of the metadata and the zip, roughly
_SUMMARY = "Fast, unopinionated, minimalist framework that exists to be measured"


@dataclass(frozen=True, kw_only=True)
class Form:
    """An upload's body, and its type."""

    body: bytes
    content_type: str


def wheel_name(project: str, version: str) -> str:
    """Return the name of a project's wheel."""
    return f"{project.replace('-', '_')}-{version}-py3-none-any.whl"


def wheel(project: str, version: str, size_bytes: int) -> bytes:
    """Return a wheel of about this size."""
    seed = random.Random(f"{project} {version}")
    info = f"{project.replace('-', '_')}-{version}.dist-info"
    metadata = (
        f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nSummary: {_SUMMARY}\n"
        "Requires-Python: >=3.8\nRequires-Dist: accept-bytes >=1.2\n\n"
    )
    files = {
        f"{project.replace('-', '_')}.bin": seed.randbytes(max(16, size_bytes - _OVERHEAD_BYTES)),
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in files).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()


def upload_form(project: str, version: str, size_bytes: int) -> Form:
    """Return what twine sends for one wheel, but for most of the metadata."""
    content = wheel(project, version, size_bytes)
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": project,
        "version": version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "summary": _SUMMARY,
        "requires_python": ">=3.8",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "md5_digest": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }
    boundary = uuid.uuid4().hex
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    filename = wheel_name(project, version)
    parts.append(
        f'{head}"content"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
    )
    body = b"".join((*parts, content, f"\r\n--{boundary}--\r\n".encode()))
    return Form(body=body, content_type=f"multipart/form-data; boundary={boundary}")
