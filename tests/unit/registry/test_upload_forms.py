"""Forms with a file: read in pieces of any size, or refused."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from app.errors import InvalidInput, TooLarge
from app.registry.bodies import Body
from app.registry.upload_forms import FormShape, UploadForm, read_form
from app.storage.staging import StagingArea

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = FormShape(file="content", fields=frozenset({"name", "version"}))
TYPE = "multipart/form-data; boundary=b"
FILE = bytes(range(256)) * 8 + b"\r\n--b\r\n-- no boundary\r\n--c--\r\n"


class InPieces(io.RawIOBase):
    """A body that comes in pieces of its own."""

    def __init__(self, body: bytes, sizes: list[int]) -> None:
        self._body = io.BytesIO(body)
        self._sizes = iter(sizes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]  # of a test
        piece = self._body.read(min(len(buffer), next(self._sizes, len(buffer))))
        buffer[: len(piece)] = piece
        return len(piece)


def part(name: str, body: bytes, *, filename: str = "") -> bytes:
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + body + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join((*parts, b"--b--\r\n"))


GOOD = form(
    part("name", "näme".encode()),
    part("content", FILE.replace(b"\r\n--b\r\n", b"\r\n--x\r\n"), filename="a.whl"),
    part("ignored", b"x" * 1000),
    part("gpg_signature", b"sig", filename="a.asc"),
    part("version", b"1.0"),
)


def read(
    folder: Path, body: bytes, sizes: list[int] | None = None, content_type: str = TYPE
) -> UploadForm:
    environ = EnvironBuilder(method="POST").get_environ()
    environ |= {"wsgi.input": InPieces(body, sizes or []), "CONTENT_LENGTH": str(len(body))}
    request = Request(environ)
    area = StagingArea(folder)
    return read_form(
        content_type,
        Body(request, limit_bytes=10**7),
        SHAPE,
        lambda: area.stage(limit_bytes=10_000, what="The file"),
    )


@given(sizes=st.lists(st.integers(1, 400), max_size=60))
def test_a_form_reads_the_same_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("staging")
    found = read(folder, GOOD, sizes)
    assert found.fields == {"name": "näme", "version": "1.0"}
    assert found.filename == "a.whl"
    with found.content.open() as file:
        assert file.read() == FILE.replace(b"\r\n--b\r\n", b"\r\n--x\r\n")
    found.content.discard()
    assert not list(folder.iterdir())


@given(cut=st.integers(0, len(GOOD) - 5), piece=st.binary(max_size=20))
def test_a_form_that_was_cut_or_changed_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, cut: int, piece: bytes
) -> None:
    folder = tmp_path_factory.mktemp("staging")
    with suppress(InvalidInput, TooLarge):
        read(folder, GOOD[:cut] + piece).content.discard()
    with suppress(InvalidInput, TooLarge):
        read(folder, GOOD[:cut] + piece + GOOD[cut:]).content.discard()
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        GOOD[:-10],
        form(),
        form(part("name", b"x")),
        form(part("content", b"x")),
        form(part("name", b"x", filename="n"), part("content", b"x", filename="a")),
        form(part("name", b"x"), part("name", b"y"), part("content", b"x", filename="a")),
        form(part("content", b"x", filename="a"), part("content", b"x", filename="a")),
        form(part("name", b"\xff"), part("content", b"x", filename="a")),
    ],
)
def test_forms_that_are_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(tmp_path, body)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_types_that_are_no_form(tmp_path: Path, content_type: str) -> None:
    with pytest.raises(InvalidInput, match="multipart/form-data"):
        read(tmp_path, GOOD, content_type=content_type)


def test_a_file_over_its_limit(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        read(tmp_path, form(part("content", b"x" * 10_001, filename="a")))
    assert not list(tmp_path.iterdir())


def test_too_many_parts(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="more than 10000 parts"):
        read(tmp_path, form(*[part("x", b"")] * 10_001))
