"""A build backend that needs nothing but Python (PEP 517).

A copy of it comes along in every source distribution, so that no client has to fetch one. Beside it
are PKG-INFO, the module, and perhaps data; these go into the wheel alone.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile
import zipfile
from email.parser import BytesHeaderParser
from pathlib import Path

_WHEEL = b"Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(
    wheel_directory: str,
    config_settings: object = None,  # noqa: ARG001  the hook's own parameters, as below
    metadata_directory: object = None,  # noqa: ARG001
) -> str:
    """Build a wheel of the working directory (a hook)."""
    return write_wheel(Path.cwd(), Path(wheel_directory)).name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:  # noqa: ARG001
    """Build a source distribution of the working directory (a hook)."""
    return write_sdist(Path.cwd(), Path(sdist_directory)).name


def write_wheel(sources: Path, folder: Path) -> Path:
    """Write a wheel of sources into a folder: the same bytes for the same sources."""
    name, version = _escaped_name_and_version(sources)
    information = f"{name}-{version}.dist-info"
    files = {
        **{file.name: file.read_bytes() for file in sorted(sources.glob(f"{name}.*"))},
        f"{information}/METADATA": (sources / "PKG-INFO").read_bytes(),
        f"{information}/WHEEL": _WHEEL,
    }
    record = f"{information}/RECORD"
    lines = [f"{path},{_record_hash(content)},{len(content)}" for path, content in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return target


def write_sdist(sources: Path, folder: Path) -> Path:
    """Write a source distribution of sources into a folder."""
    name, version = _escaped_name_and_version(sources)
    target = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(target, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for file in ("PKG-INFO", "pyproject.toml", "backend.py", f"{name}.py"):
            content = (sources / file).read_bytes()
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target


def _escaped_name_and_version(sources: Path) -> tuple[str, str]:
    fields = BytesHeaderParser().parsebytes((sources / "PKG-INFO").read_bytes())
    return re.sub(r"[-_.]+", "_", fields["Name"]).lower(), fields["Version"]


def _record_hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.decode().rstrip('=')}"
