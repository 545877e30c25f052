"""The OpenAPI document, made from the very schemas that read and write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import flask_smorest
import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from flask import Flask, Response
from marshmallow import Schema

from app.api.error_codes import error_codes
from app.api.parsing import Parser
from app.api.schemas import Moment, ProblemSchema
from app.auth.current import takes_anyone
from app.version import VERSION

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
PATCH_SUFFIX = "Patch"

_DESCRIPTION = """\
Names are `snake_case`, times RFC 3339 in UTC. An organization is addressed by id or slug, a user by
id, username or e-mail address. Lists are paged: `limit` and `cursor`, and a `Link` to the next
page. Errors are problem details (RFC 9457). A resource's `ETag` may be sent back as `If-Match`:
then a change fails with 412 where the resource is not what it was. `PATCH` is a JSON merge patch
(RFC 7396). `Idempotency-Key` makes a `POST` safe to repeat for 24 hours. Answers say in
`RateLimit` how many requests a caller has left and for how long; one more is a 429 with
`Retry-After`.
"""

Document = dict[str, Any]  # a part of an OpenAPI document


_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.UNPROCESSABLE_ENTITY,  # of a query, which each may have
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


_RETRY_AFTER = {"Retry-After": "Seconds to wait."}
_HEADERS: Mapping[str, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED.name: {"WWW-Authenticate": "How to sign in."},
    HTTPStatus.TOO_MANY_REQUESTS.name: {
        **_RETRY_AFTER,
        "RateLimit": "How many requests are left, and for how long.",
        "RateLimit-Policy": "How many there are, and in what time.",
    },
    HTTPStatus.SERVICE_UNAVAILABLE.name: _RETRY_AFTER,
}


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # untyped
    """flask-smorest's blueprint, with our parser and what conditional requests add."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, __name__, url_prefix=PREFIX, description=description)
        self._prepare_doc_cbks.append(self._prepare_extra_doc)

    @staticmethod
    def _prepare_extra_doc(doc: Document, doc_info: Document, **_context: object) -> Document:
        """Add what :func:`describe` noted; flask-smorest calls this for each operation."""
        extra = doc_info.get("extra", {})
        doc.setdefault("parameters", []).extend(extra.get("parameters", ()))
        doc.update(extra.get("members", {}))
        doc["responses"].pop("default", None)
        for status in (*_ALWAYS, *extra.get("refusals", ())):
            doc["responses"].setdefault(str(status.value), status.name)
        return doc


class Api(flask_smorest.Api):  # type: ignore[misc]  # untyped
    """flask-smorest's document; errors stay the application's own."""

    DEFAULT_ERROR_RESPONSE_NAME = "Problem"

    def _register_error_handlers(self) -> None:
        """Leave them alone: ``app.http.lifecycle`` renders every error."""

    def _register_etag_headers(self) -> None:
        """Ours are described in :func:`create_api`."""

    def _register_pagination_header(self) -> None:
        """Pages have none but ``Link``."""

    def _register_responses(self) -> None:
        """Describe every error as problem details."""
        names = [
            status.name
            for status in HTTPStatus
            if status >= HTTPStatus.BAD_REQUEST and status is not HTTPStatus.REQUEST_URI_TOO_LONG
        ]
        for name in [self.DEFAULT_ERROR_RESPONSE_NAME, *names]:
            description = "Refused" if name == self.DEFAULT_ERROR_RESPONSE_NAME else name.title()
            answer: Document = {
                "description": f"{description.replace('_', ' ')}.{_codes_of(name)}",
                "content": {PROBLEM: {"schema": ProblemSchema}},
            }
            if name in _HEADERS:
                answer["headers"] = {
                    header: {"schema": {"type": "string"}, "description": meaning}
                    for header, meaning in _HEADERS[name].items()
                }
            self.spec.components.response(name, answer, lazy=True)
        self.spec.components.response(
            HTTPStatus.REQUEST_URI_TOO_LONG.name,
            {
                "description": "The request line is longer than 8 KiB: no request is seen.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            lazy=True,
        )


def create_api(app: Flask) -> Api:
    """Return the API of an app, without resources, and serve its document."""
    app.config.update(
        API_TITLE="Packhouse",
        API_VERSION=VERSION,
        OPENAPI_VERSION="3.1.0",
    )
    api = Api(
        app,
        spec_kwargs={
            "marshmallow_plugin": MarshmallowPlugin(schema_name_resolver=_component_name),
            "info": {"description": _DESCRIPTION},
            "security": [{"bearer": []}, {"basic": []}, {}],
        },
    )
    api.register_field(Moment, "string", "date-time")
    spec: APISpec = api.spec
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("basic", {"type": "http", "scheme": "basic"})
    for name, parameter in _PARAMETERS.items():
        spec.components.parameter(name, "header", {"schema": {"type": "string"}, **parameter})
    return api


def serve_document(app: Flask, document: Document) -> None:
    """Serve a document to anybody."""
    body = orjson.dumps(document)

    @takes_anyone
    def openapi() -> Response:
        return Response(body, content_type="application/json")

    app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", openapi)


def describe(
    view: Any,  # noqa: ANN401  a function that carries notes
    *,
    parameters: tuple[str, ...] = (),
    members: Mapping[str, object] | None = None,
    refusals: Iterable[HTTPStatus] = (),
) -> None:
    """Note what an operation's description has beside its schemas.

    Args:
        view: decorated by a blueprint.
        parameters: names of ``_PARAMETERS``.
        members: of the Operation Object.
        refusals: what it may be answered with, beside what every operation may.
    """
    view._apidoc["extra"] = {  # noqa: SLF001  where flask-smorest keeps its own notes
        "parameters": list(parameters),
        "members": dict(members or {}),
        "refusals": list(refusals),
    }


_PARAMETERS: dict[str, Document] = {
    "IfMatch": {
        "name": "If-Match",
        "description": "The resource's ETag. Where it is another by now, the answer is 412.",
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "description": "An ETag that is known. Where it is still the same, the answer is 304.",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
        "description": "The client's own name for this request. Sent again within 24 hours, it is "
        "not done again, and gets the same answer. Another body under the same key is a 422; an "
        "answer with a secret is never repeated, which is a 409.",
    },
}


def _codes_of(status_name: str) -> str:
    """Say which codes go with a status."""
    codes = sorted(one.code for one in error_codes() if HTTPStatus(one.status).name == status_name)
    return f" Codes: {', '.join(f'`{code}`' for code in codes)}." if codes else ""


def _component_name(schema: type[Schema] | Schema | str) -> str:
    instance = resolve_schema_instance(schema)
    name = type(instance).__name__.removesuffix("Schema")
    return name + PATCH_SUFFIX if instance.partial else name
