from __future__ import annotations

import pytest

from app import errors
from app.protocols.npm.errors import render_error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidInput("Wrong."), 400),
        (errors.DigestMismatch("Wrong."), 400),
        (errors.Unauthenticated("Wrong."), 401),
        (errors.Forbidden("Wrong."), 403),
        (errors.NameRefused("Wrong."), 403),
        (errors.NotFound("Wrong."), 404),
        (errors.MethodNotAllowed("Wrong."), 405),
        (errors.Conflict("Wrong."), 409),
        (errors.UpstreamUnavailable("Wrong."), 502),
        (errors.RegistryError("Wrong."), 500),
    ],
)
def test_an_error_is_one_sentence_in_json(error: errors.RegistryError, status: int) -> None:
    response = render_error(error)
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert response.json == {"error": "Wrong."}
    assert response.headers["Cache-Control"] == "no-store"
    assert "Retry-After" not in response.headers


def test_a_version_that_is_taken_is_a_403_with_the_sentence_that_tools_look_for() -> None:
    response = render_error(errors.VersionExists("@acme/thing", "1.4.0"), is_write=True)
    assert response.status_code == 403
    assert response.json == {
        "error": "You cannot publish over the previously published versions: 1.4.0."
    }


def test_a_version_that_was_taken_once_is_a_403_with_its_own_sentence() -> None:
    error = errors.VersionExists("@acme/thing", "1.4.0", is_withdrawn=True)
    response = render_error(error, is_write=True)
    assert response.status_code == 403
    assert response.json == {"error": 'Cannot publish over previously published version "1.4.0".'}


def test_a_stale_revision_is_npms_conflict() -> None:
    response = render_error(errors.StaleRevision("Something else."))
    assert response.status_code == 409
    assert response.json == {"error": "Document update conflict."}


def test_a_read_without_credentials_is_challenged() -> None:
    response = render_error(errors.Unauthenticated())
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Packhouse"'
    response = render_error(errors.Unauthenticated(), tried_basic=True)
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Packhouse"'


@pytest.mark.parametrize("tried_basic", [False, True])
def test_a_write_without_credentials_shows_its_sentence(tried_basic: bool) -> None:  # noqa: FBT001  a table
    response = render_error(errors.Unauthenticated(), is_write=True, tried_basic=tried_basic)
    assert response.status_code == 401
    assert "WWW-Authenticate" not in response.headers


def test_waiting_is_told_in_seconds() -> None:
    for error in (
        errors.Unavailable(retry_after_seconds=9),
        errors.TooManyRequests("Wait.", retry_after_seconds=9),
    ):
        assert render_error(error).headers["Retry-After"] == "9"


def test_a_body_that_is_too_large_ends_the_connection() -> None:
    response = render_error(errors.TooLarge("The tarball", 5))
    assert response.status_code == 413
    assert response.headers["Connection"] == "close"
