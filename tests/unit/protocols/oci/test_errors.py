from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask, g

from app import errors
from app.protocols.oci import refusals
from app.protocols.oci.errors import render_error
from app.protocols.oci.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE_OF_EACH = [
    (errors.InvalidInput("Wrong."), 400, "MANIFEST_INVALID"),
    (errors.UnprocessableInput("Wrong."), 422, "MANIFEST_INVALID"),
    (errors.DigestMismatch("Wrong."), 400, "MANIFEST_INVALID"),
    (errors.Unauthenticated(), 401, "UNAUTHORIZED"),
    (errors.Forbidden("Wrong."), 403, "DENIED"),
    (errors.NameRefused("Wrong."), 403, "DENIED"),
    (errors.QuotaExceeded("Wrong."), 403, "DENIED"),
    (errors.NotFound(), 404, "MANIFEST_UNKNOWN"),
    (errors.MethodNotAllowed("Wrong."), 405, "UNSUPPORTED"),
    (errors.ReadOnly("Wrong."), 405, "UNSUPPORTED"),
    (errors.Conflict("Wrong."), 409, "UNSUPPORTED"),
    (errors.PreconditionFailed(), 412, "UNSUPPORTED"),
    (errors.TooLarge("The manifest", 1), 413, "SIZE_INVALID"),
    (errors.UnsupportedMediaType("Wrong."), 415, "UNSUPPORTED"),
    (errors.RangeNotSatisfiable(7), 416, "RANGE_INVALID"),
    (errors.TooManyRequests("Wrong.", retry_after_seconds=3), 429, "TOOMANYREQUESTS"),
    (errors.RegistryError("Wrong."), 500, "UNKNOWN"),
    (errors.UpstreamUnavailable("Wrong."), 502, "UNAVAILABLE"),
    (errors.Unavailable(), 503, "UNAVAILABLE"),
    (refusals.NameInvalid("Wrong."), 400, "NAME_INVALID"),
    (refusals.TagInvalid("Wrong."), 400, "MANIFEST_INVALID"),
    (refusals.DigestInvalid("Wrong."), 400, "DIGEST_INVALID"),
    (refusals.ContentMismatch("a", "b"), 400, "DIGEST_INVALID"),
    (refusals.PageInvalid("Wrong."), 400, "PAGINATION_NUMBER_INVALID"),
    (refusals.NameUnknown("acme/app"), 404, "NAME_UNKNOWN"),
    (refusals.ManifestUnknown("1"), 404, "MANIFEST_UNKNOWN"),
    (refusals.BlobUnknown("sha256:0"), 404, "BLOB_UNKNOWN"),
    (refusals.UploadUnknown(), 404, "BLOB_UPLOAD_UNKNOWN"),
    (refusals.UploadInvalid("Wrong."), 400, "BLOB_UPLOAD_INVALID"),
    (refusals.SizeInvalid("Wrong."), 400, "SIZE_INVALID"),
    (refusals.OutOfOrder("/v2/acme/app/blobs/uploads/x", 5), 416, "BLOB_UPLOAD_INVALID"),
    (refusals.ManifestInvalid("Wrong."), 400, "MANIFEST_INVALID"),
    (refusals.ContentUnknown(["sha256:0"]), 400, "MANIFEST_BLOB_UNKNOWN"),
    (refusals.StillReferenced("sha256:0"), 405, "UNSUPPORTED"),
    (refusals.TagImmutable("1"), 403, "DENIED"),
    (refusals.TooManyTags("Wrong."), 414, "UNSUPPORTED"),
    (refusals.InsufficientScope(), 401, "UNAUTHORIZED"),
]


@pytest.fixture(autouse=True)
def asked() -> Iterator[None]:
    """A request for a manifest."""
    with Flask(__name__).test_request_context("/v2/acme/app/manifests/1"):
        g.scope = parse_name("acme/app").scope
        yield


@pytest.mark.parametrize(("error", "status", "code"), ONE_OF_EACH, ids=lambda one: repr(one)[:40])
def test_each_error_has_its_status_its_code_and_a_sentence(
    error: errors.RegistryError, status: int, code: str
) -> None:
    response = render_error(error)
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert response.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    assert response.headers["Cache-Control"] == "no-store"
    body = response.get_json()
    assert [(one["code"], one["message"]) for one in body["errors"]] == [(code, error.message)]
    assert ("WWW-Authenticate" in response.headers) == (status == 401)
    assert ("Retry-After" in response.headers) == (error.retry_after_seconds is not None)


def test_an_upload_that_is_out_of_order_says_where_it_stands() -> None:
    response = render_error(refusals.OutOfOrder("/v2/acme/app/blobs/uploads/x", 5))
    assert response.headers["Range"] == "0-4"
    assert response.headers["Location"] == "/v2/acme/app/blobs/uploads/x"
    assert response.headers["Docker-Upload-UUID"] == "x"
    assert render_error(refusals.OutOfOrder("/x/y", 0)).headers["Range"] == "0-0"


def test_each_missing_digest_is_an_error_of_its_own() -> None:
    body = render_error(refusals.ContentUnknown(["sha256:0", "sha256:1"])).get_json()
    assert [one["detail"]["digest"] for one in body["errors"]] == ["sha256:0", "sha256:1"]
