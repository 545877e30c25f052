"""Bad uploads: each gets its sentence, and nothing of it is stored."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest

from app.extensions import store
from app.models import Package, PublishClaim, Version
from tests.distributions import a_wheel, a_zip, an_sdist, metadata_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.protocols.pypi.conftest import Pypi
    from tests.world import World


PART = b"--b\r\nContent-Disposition: form-data; %b\r\n\r\nx\r\n"


@pytest.fixture(autouse=True)
def _nothing_is_stored(world: World) -> Iterator[None]:
    yield
    with world.context():
        assert not Package.objects.count()
        assert not Version.objects.count()
        assert not PublishClaim.objects.count()
        assert not list(store.list(""))


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({":action": None}, 400, "':action' must be 'file_upload'"),
        ({":action": "remove"}, 400, "':action' must be 'file_upload'"),
        ({":action": "submit"}, 410, "submit is not supported"),
        ({":action": "submit", "content": None}, 410, "submit is not supported"),  # twine register
        ({":action": "doc_upload"}, 410, "doc_upload is not supported"),
        ({"protocol_version": "2"}, 400, "'protocol_version' must be 1"),
        ({"content": None}, 400, "no file"),
        ({"content": "text"}, 400, "no filename"),
        ({"name": (io.BytesIO(b"My.Pkg"), "name.txt")}, 400, "sent as a file"),
        ({"sha256_digest": None, "md5_digest": None}, 400, "digest"),
        ({"sha256_digest": "zz"}, 400, "digest"),
        ({"sha256_digest": "0" * 64}, 400, "digest"),
        ({"md5_digest": "0" * 32}, 400, "digest"),
        ({"blake2_256_digest": "0" * 64}, 400, "digest"),
        ({"filetype": "sdist"}, 400, "filetype"),
        ({"filetype": None}, 400, "filetype"),
        ({"attestations": "{"}, 400, "Invalid attestations"),
        ({"attestations": "{}"}, 400, "Invalid attestations"),
        ({"attestations": '[{"version": 1}]'}, 400, "Invalid attestations"),
    ],
)
def test_a_form_that_is_wrong(
    pypi: Pypi, changes: dict[str, Any], status: int, sentence: str
) -> None:
    answer = pypi.upload(a_wheel(), **changes)
    text = answer.get_data(as_text=True).strip()
    assert answer.status_code == status, text
    assert sentence in text
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.status.partition(" ")[2][:40] == text[:40]


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", ".x", "x-", "", "x\n", "\u017fsl", "r\u0435quests", "a\u200bb", "x" * 101],
)
def test_names_that_no_project_can_have(pypi: Pypi, name: str) -> None:
    assert pypi.upload(a_wheel(), name=name).status_code == 400


@pytest.mark.parametrize(
    "version", ["abc", "1.0-", "1..0", "1.0 ", "latest", "9" * 1000, "", "\u0661.0"]
)
def test_versions_that_are_none(pypi: Pypi, version: str) -> None:
    assert pypi.upload(a_wheel(), version=version).status_code == 400


@pytest.mark.parametrize(
    "filename",
    [
        "../../x.whl",
        "a\\b.whl",
        "my_pkg-1.0\x00-py3-none-any.whl",
        "%2e%2e",
        "my_pkg-1.0-py3-\x07-any.whl",
        "my_pkg-1.0-py3-none-" + "a" * 255 + ".whl",
        "my_pkg-1.0.exe",
        "my_pkg-1.0-py3.9.egg",
        "my_pkg-1.0.tar.bz2",
        "my_pkg-1.0.rpm",
        "other-1.0-py3-none-any.whl",
        "my_pkg-1.1-py3-none-any.whl",
        "my_pkg.whl",
    ],
)
def test_file_names_that_are_none(pypi: Pypi, filename: str) -> None:
    wheel = a_wheel()
    answer = pypi.upload(wheel, content=(io.BytesIO(wheel.body), filename))
    assert answer.status_code == 400, answer.status


@pytest.mark.parametrize(
    "metadata",
    [
        metadata_of("other", "1.0"),
        metadata_of("My.Pkg", "1.1"),
        metadata_of("My.Pkg", "1.0", "Requires-Python: snake"),
        metadata_of("My.Pkg", "1.0", "Requires-Dist: other >>> 1"),
        metadata_of("My.Pkg", "1.0").replace(b"2.4", b"9.0"),
        metadata_of("My.Pkg", "1.0") + b"\xff\xfe",
        b"",
    ],
)
def test_metadata_that_disagree(pypi: Pypi, metadata: bytes) -> None:
    good = a_wheel()
    base = "my_pkg-1.0.dist-info"
    body = a_zip(
        {
            f"{base}/METADATA": metadata,
            f"{base}/WHEEL": b"Wheel-Version: 1.0\n",
            f"{base}/RECORD": b"",
        }
    )
    answer = pypi.upload(
        good,
        content=(io.BytesIO(body), good.filename),
        sha256_digest=hashlib.sha256(body).hexdigest(),
        md5_digest=None,
    )
    assert answer.status_code == 400, answer.status


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=b"),
        (b"--b\r\nrubbish", "multipart/form-data; boundary=b"),
        (
            b'--b\r\nContent-Disposition: form-data; name="content"; filename="x.whl"\r\n\r\nPK',
            "multipart/form-data; boundary=b",
        ),
        (
            PART % b'name="name"' + PART % b'name="name"' + b"--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
        (
            2 * (PART % b'name="content"; filename="x"') + b"--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_bodies_that_are_no_form(pypi: Pypi, body: bytes, content_type: str) -> None:
    answer = pypi.client.post(
        "/o/acme/pypi/legacy/", data=body, headers=pypi.headers, content_type=content_type
    )
    assert answer.status_code == 400, answer.get_data()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"x" * 2**21, b"Unexpected end"),
        (b"--b\r\nContent-Disposition: " + b"x" * 2**21, b"too long headers"),
        (b"--b\r\n" + b"X-Header: x\r\n" * 2**17, b"too many or too long headers"),
    ],
)
def test_a_form_that_does_not_begin(pypi: Pypi, body: bytes, words: bytes) -> None:
    answer = pypi.client.post(
        "/o/acme/pypi/legacy/",
        data=body,
        headers=pypi.headers,
        content_type="multipart/form-data; boundary=b",
    )
    assert answer.status_code == 400
    assert words in answer.get_data()


def test_a_file_over_the_limit(pypi: Pypi, world: World) -> None:
    limit = world.app.extensions["packhouse.settings"].max_file_bytes
    answer = pypi.client.post(
        "/o/acme/pypi/legacy/",
        data=b"",
        headers=pypi.headers,
        content_type="multipart/form-data; boundary=b",
        environ_overrides={"CONTENT_LENGTH": str(limit + 2**30)},
    )
    assert answer.status_code == 413


def test_a_wheel_that_is_no_zip(pypi: Pypi) -> None:
    good, other = a_wheel(), an_sdist()
    answer = pypi.upload(
        good,
        content=(io.BytesIO(other.body), good.filename),
        sha256_digest=other.sha256,
        md5_digest=None,
    )
    assert answer.status_code == 400
    assert answer.get_data(as_text=True).startswith("Invalid distribution file.")
