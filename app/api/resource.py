"""How every resource is written down: one decorator for each thing that one does to it.

A view gets what the request carries as checked values, calls one use case, and returns
what that returned. Parsing, status codes, headers, conditional and repeated requests,
pages, and the description in the OpenAPI document are the same for all, and are here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial, wraps
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from flask import Response, request
from marshmallow import Schema, fields

from app.api import answers, budget, idempotency
from app.api.edits import Check, Edit
from app.api.openapi import Blueprint, describe
from app.api.pagination import read_page
from app.api.parsing import read_json, require_no_query
from app.api.schemas import Content, PageQuery, Strict

View = TypeVar("View", bound=Callable[..., Any])

_CREATED = 201
_ACCEPTED = 202
_NO_CONTENT = 204
_NOT_MODIFIED = 304
_OF_BODIES = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
_MERGE_PATCH = "application/merge-patch+json"
_ETAG = {"ETag": {"schema": {"type": "string"}}}
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Of the job."}}
_LINK = {"Link": {"schema": {"type": "string"}, "description": 'With `rel="next"`.'}}


class Decorator(Protocol):
    """Registers a view, and leaves it as it is."""

    def __call__(self, view: View, /) -> View:
        """Return the view."""


class Resource:
    """One resource's part of the API.

    Attributes:
        blueprint: its views, ready to be registered.
    """

    def __init__(self, name: str, description: str) -> None:
        self.blueprint = Blueprint(name, description)
        self.blueprint.before_request(budget.spend)
        self.blueprint.before_request(idempotency.begin)
        self.blueprint.after_request(idempotency.finish)

    def read(
        self, rule: str, *, answer: type[Schema], query: type[Content] | None = None
    ) -> Decorator:
        """Register a view that returns one resource; it takes the query, if any, first."""
        schema = answer()

        def decorator(view: View) -> View:
            @wraps(view)
            def operation(*parsed: Any, **path: Any) -> Response:  # noqa: ANN401  by the schemas
                if query is None:
                    require_no_query(request)
                return answers.one(schema, view(*parsed, **path))

            documented = self.blueprint.response(200, schema, headers=_ETAG)(operation)
            documented = self.blueprint.alt_response(
                _NOT_MODIFIED, headers=_ETAG, description="The client has it."
            )(documented)
            if query is not None:
                documented = self.blueprint.arguments(query(), location="query")(documented)
            describe(
                documented,
                parameters=("IfNoneMatch",),
                members=_named(view),
                refusals=_refusals(rule),
            )
            self._add(rule, "GET", view, documented)
            return view

        return decorator

    def list(
        self,
        rule: str,
        *,
        item: type[Schema],
        query: type[PageQuery] = PageQuery,
        takes_anyone: bool = False,
    ) -> Decorator:
        """Register a view that returns one page of a list.

        It takes the page that is wanted, and where ``query`` makes something of what else
        it holds (see ``PageQuery.makes``), that. ``takes_anyone`` is as for
        :meth:`command`.
        """
        schema = item()

        def decorator(view: View) -> View:
            @wraps(view)
            def operation(parsed: dict[str, Any], **path: Any) -> Response:  # noqa: ANN401  of the URL
                limit, cursor = parsed.pop("limit"), parsed.pop("cursor")
                wanted = () if query.makes is None else (query.makes(**parsed),)
                return answers.page(schema, view(read_page(limit, cursor), *wanted, **path), limit)

            documented = self.blueprint.response(200, _page_schema(item)(), headers=_LINK)(
                operation
            )
            documented = self.blueprint.arguments(query(), location="query")(documented)
            members = _named(view) | _open(takes_anyone)
            describe(documented, members=members, refusals=_refusals(rule))
            self._add(rule, "GET", view, documented, takes_anyone=takes_anyone)
            return view

        return decorator

    def lines(self, rule: str, *, query: type[Content]) -> Decorator:
        """Register a view that gives any number of JSON objects, each as a line of bytes.

        It takes the query first. They are sent as they come, so they may be more than a
        memory holds.
        """

        def decorator(view: View) -> View:
            @wraps(view)
            def operation(*parsed: Any, **path: Any) -> Response:  # noqa: ANN401  by the schemas
                return answers.lines(view(*parsed, **path))

            documented = self.blueprint.response(
                200, {"type": "string"}, content_type=answers.LINES
            )(operation)
            documented = self.blueprint.arguments(query(), location="query")(documented)
            describe(documented, members=_named(view), refusals=_refusals(rule))
            self._add(rule, "GET", view, documented)
            return view

        return decorator

    def create(
        self, rule: str, *, body: type[Content], answer: type[Schema], location: str
    ) -> Decorator:
        """Register a view that makes something and returns it: 201.

        Args:
            rule: of the collection.
            body: read into the view's first argument.
            answer: what is returned.
            location: of what was made; ``{...}`` stands for members of the answer and for
                parts of the path.
        """
        return self.command(rule, body=body, answer=answer, location=location)

    def command(
        self,
        rule: str,
        *,
        body: type[Content] | None = None,
        answer: type[Schema] | None = None,
        location: str = "",
        is_secret: bool = False,
        takes_anyone: bool = False,
    ) -> Decorator:
        """Register a view that does what a POST asks for.

        Args:
            rule: its path.
            body: read into the view's first argument.
            answer: what is returned; none for nothing: 204.
            location: as for :meth:`create`, where something is made: 201.
            is_secret: the answer holds a secret, and is kept by nobody.
            takes_anyone: it must work whatever credentials came along.
        """
        schema = None if answer is None else answer()
        status = _NO_CONTENT if schema is None else _CREATED if location else 200
        render = answers.secret if is_secret else answers.one

        def decorator(view: View) -> View:
            @wraps(view)
            def operation(*parsed: Any, **path: Any) -> Response:  # noqa: ANN401  by the schemas
                require_no_query(request)
                shown = view(*parsed, **path)
                if schema is None:
                    return Response(status=status)
                response = render(schema, shown, status)
                if location:
                    response.headers["Location"] = location.format(**path | schema.dump(shown))
                return response

            headers = None if is_secret or schema is None else _ETAG
            documented = self.blueprint.response(status, schema, headers=headers)(operation)
            if body is not None:
                documented = self.blueprint.arguments(body())(documented)
            members = _named(view) | _open(takes_anyone)
            describe(
                documented,
                parameters=("IdempotencyKey",),
                members=members,
                refusals=_refusals(rule, HTTPStatus.CONFLICT, *_OF_BODIES),
            )
            self._add(rule, "POST", view, documented, takes_anyone=takes_anyone)
            return view

        return decorator

    def edit(
        self, rule: str, *, content: type[Content], answer: type[Schema], patchable: bool = True
    ) -> Decorator:
        """Register a view that changes a resource, for PUT and, if ``patchable``, PATCH.

        It takes an :class:`Edit` first.
        """
        schema, written = answer(), content()

        def decorator(view: View) -> View:
            def operation(method: str, **path: Any) -> Response:  # noqa: ANN401  of the URL
                require_no_query(request)
                body = read_json(request, default={})
                edit: Edit[Any, Any] = Edit(schema, written, body, is_patch=method == "PATCH")
                return answers.one(schema, view(edit, **path))

            for method in ("PUT", "PATCH") if patchable else ("PUT",):
                bound = wraps(view)(partial(operation, method))
                documented = self.blueprint.response(200, schema, headers=_ETAG)(bound)
                members = {**_named(view, method), "requestBody": _request_body(content, method)}
                refusals = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED, *_OF_BODIES)
                describe(
                    documented,
                    parameters=("IfMatch",),
                    members=members,
                    refusals=_refusals(rule, *refusals),
                )
                self._add(rule, method, view, documented)
            return view

        return decorator

    def delete(
        self,
        rule: str,
        *,
        shown_as: type[Schema] | None = None,
        query: type[Schema] | None = None,
        job: type[Schema] | None = None,
    ) -> Decorator:
        """Register a view that deletes: 204.

        Of a resource that is ``shown_as`` something it takes a :class:`Check` first, and the
        query's values by their names. What takes long is done by a ``job`` that it returns: 202.
        """
        checks = () if shown_as is None else (Check[Any](shown_as()),)

        def decorator(view: View) -> View:
            @wraps(view)
            def operation(*parsed: dict[str, Any], **path: Any) -> Response:  # noqa: ANN401  of the URL
                if query is None:
                    require_no_query(request)
                asked = parsed[0] if parsed else {}
                begun = view(*checks, **asked, **path)
                if job is None or begun is None:
                    return Response(status=_NO_CONTENT)
                return answers.accepted(job(), begun)

            documented = self.blueprint.response(_NO_CONTENT)(operation)
            if job is not None:
                documented = self.blueprint.alt_response(
                    _ACCEPTED, schema=job, headers=_LOCATION, description="A job does it."
                )(documented)
            if query is not None:
                documented = self.blueprint.arguments(query(), location="query")(documented)
            describe(
                documented,
                parameters=("IfMatch",) if checks else (),
                members=_named(view),
                refusals=_refusals(rule, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
            )
            self._add(rule, "DELETE", view, documented)
            return view

        return decorator

    def _add(
        self,
        rule: str,
        method: str,
        view: Callable[..., object],
        documented: Any,  # noqa: ANN401  a function that carries notes
        *,
        takes_anyone: bool = False,
    ) -> None:
        documented.takes_anyone = takes_anyone  # read by app.http.lifecycle
        endpoint = f"{method.lower()}_{view.__name__}"
        # With a slash more, an item whose id is missing would be the whole list.
        self.blueprint.add_url_rule(
            rule, endpoint, documented, methods=[method], strict_slashes=True
        )


@cache
def _page_schema(item: type[Schema]) -> type[Schema]:
    """Return the schema of a page of items, for the document."""
    members: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item), required=True),
        "next_cursor": fields.String(
            required=True,
            allow_none=True,
            metadata={"description": "For the next page; null at the end."},
        ),
    }
    return Strict.from_dict(members, name=item.__name__.removesuffix("Schema") + "PageSchema")


def _request_body(content: type[Content], method: str) -> Mapping[str, object]:
    if method == "PUT":
        return {"required": True, "content": {answers.JSON: {"schema": content}}}
    schema = content(partial=True)
    return {
        "required": True,
        "content": {_MERGE_PATCH: {"schema": schema}, answers.JSON: {"schema": schema}},
    }


def _named(view: Callable[..., object], method: str = "") -> dict[str, object]:
    """Return an operation's name; PUT and PATCH of one view have names of their own."""
    verb = {"PUT": "replace_", "PATCH": "patch_"}.get(method)
    name = view.__name__
    return {"operationId": name if verb is None else verb + name.partition("_")[2]}


def _refusals(rule: str, *more: HTTPStatus) -> tuple[HTTPStatus, ...]:
    """Return what an operation may be answered with: of what a path names there may be none."""
    return (HTTPStatus.NOT_FOUND, *more) if "<" in rule else more


def _open(takes_anyone: bool) -> dict[str, object]:  # noqa: FBT001  its only argument
    """Say of an operation that it needs no credentials."""
    return {"security": [{}]} if takes_anyone else {}
