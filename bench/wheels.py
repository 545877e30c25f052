"""Wheels that are uploaded: metadata as projects have it, and a filler that does not compress."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import uuid
import zipfile
from dataclasses import dataclass

from bench.packages import KIB

_OVERHEAD_BYTES = 3 * KIB  # of the metadata and the zip, roughly
_DESCRIPTION = "A package that exists to be measured, and says so at some length.\n" * 20
_METADATA = (
    ("Summary", "Fast, unopinionated, minimalist framework that exists to be measured"),
    ("Author", "A. Author"),
    ("Author-email", "author@bench.test"),
    ("License", "MIT"),
    ("Keywords", "bench,measure"),
    ("Project-URL", "Documentation, https://bench.test/documentation"),
    ("Project-URL", "Source, https://bench.test/source"),
    ("Classifier", "Development Status :: 5 - Production/Stable"),
    ("Classifier", "Intended Audience :: Developers"),
    ("Classifier", "Programming Language :: Python :: 3"),
    ("Classifier", "Programming Language :: Python :: 3.11"),
    ("Requires-Python", ">=3.8"),
    ("Requires-Dist", "accept-bytes >=1.2"),
    ("Requires-Dist", "more-bytes >=3 ; extra == 'more'"),
    ("Provides-Extra", "more"),
    ("Description-Content-Type", "text/markdown"),
)
# Twine's name of a field is the header's, in lower case, but for these.
_FIELDS = {"Project-URL": "project_urls", "Classifier": "classifiers"}


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
    stem = project.replace("-", "_")
    filler = random.Random(f"{project} {version}")
    info = f"{stem}-{version}.dist-info"
    headers = (("Metadata-Version", "2.1"), ("Name", project), ("Version", version), *_METADATA)
    metadata = "".join(f"{name}: {value}\n" for name, value in headers) + f"\n{_DESCRIPTION}"
    files = {
        f"{stem}.bin": filler.randbytes(max(16, size_bytes - _OVERHEAD_BYTES)),
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    record = f"{info}/RECORD"
    files[record] = (_recorded(files) + f"{record},,\n").encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()


def _recorded(files: dict[str, bytes]) -> str:
    """Return the lines of RECORD. Spec: Binary distribution format, "The .dist-info directory"."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(content)}\n")
    return "".join(lines)


def upload_form(project: str, version: str, size_bytes: int) -> Form:
    """Return what twine sends for one wheel."""
    content = wheel(project, version, size_bytes)
    fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", project),
        ("version", version),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        *((_FIELDS.get(name, name.lower().replace("-", "_")), value) for name, value in _METADATA),
        ("description", _DESCRIPTION),
        ("comment", ""),
        ("sha256_digest", hashlib.sha256(content).hexdigest()),
        ("blake2_256_digest", hashlib.blake2b(content, digest_size=32).hexdigest()),
    ]
    boundary = uuid.uuid4().hex
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields]
    filename = wheel_name(project, version)
    parts.append(
        f'{head}"content"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
    )
    body = b"".join((*parts, content, f"\r\n--{boundary}--\r\n".encode()))
    return Form(body=body, content_type=f"multipart/form-data; boundary={boundary}")
