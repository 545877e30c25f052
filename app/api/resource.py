"""How every resource is written down: one decorator for each thing that one does to it.

A view gets what the request carries as checked values, calls one use case, and returns
what that returned. Parsing, status codes, headers, conditional requests, pages, and the
description in the OpenAPI document are the same for all, and are here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

import orjson
from flask import Response, request
from marshmallow import Schema, ValidationError, fields

from app.api import etags, idempotency, merge_patch
from app.api.openapi import Blueprint, describe
from app.api.pagination import next_link, read_page, write_cursor
from app.api.parsing import Json, read_json, unprocessable
from app.api.schemas import Content, PageQuery, Strict
from app.registry.listing import Page, PageRequest

Path = ParamSpec("Path")
Shown = TypeVar("Shown")
Written = TypeVar("Written")
Parsed = TypeVar("Parsed")

_KEPT_BY_CLIENT = "private, no-cache"
_SECRET = "no-store"  # noqa: S105  a caching rule
_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"


class Edit(Generic[Shown, Written]):
    """What a PUT or a PATCH makes of a resource: from what it is to what it is to be.

    Called by the use case within its transaction, so that nobody else's change is lost.
    """

    def __init__(self, shown_as: Schema, written_as: Schema, body: Json, *, is_patch: bool) -> None:
        self._shown_as = shown_as
        self._written_as = written_as
        self._body = body
        self._is_patch = is_patch
        if is_patch and not isinstance(body, dict):
            raise unprocessable("A merge patch is a JSON object.")
        self._replacement: Any = None if is_patch else _load(written_as, body)

    def __call__(self, current: Shown | None) -> Written:
        """Return what is to become of the resource; there is none yet where it is ``None``.

        Raises:
            PreconditionFailed: ``If-Match`` names another state of it.
            UnprocessableInput: patched, it would not be acceptable.
        """
        if current is None:
            etags.require_nothing_to_match()
        else:
            etags.require_match(_dump(self._shown_as, current))
        if not self._is_patch:
            return cast("Written", self._replacement)
        patched = merge_patch.merged(self._written_as.dump(current), self._body)
        return cast("Written", _load(self._written_as, patched))


class Check(Generic[Shown]):
    """Whether a resource is still what the client that wants it deleted thinks it is."""

    def __init__(self, shown_as: Schema) -> None:
        self._shown_as = shown_as

    def __call__(self, current: Shown) -> None:
        """Let it pass.

        Raises:
            PreconditionFailed: ``If-Match`` names another state of it.
        """
        etags.require_match(_dump(self._shown_as, current))


class Resource:
    """One resource's part of the API.

    Attributes:
        blueprint: its views, ready to be registered.
    """

    def __init__(self, name: str, description: str) -> None:
        self.blueprint = Blueprint(name, description)
        self.blueprint.before_request(idempotency.begin)
        self.blueprint.after_request(idempotency.finish)

    def read(
        self, rule: str, *, answer: type[Schema], query: type[Content] | None = None
    ) -> Callable[[Callable[Path, object]], Callable[Path, object]]:
        """Register a view that returns one resource; it takes the query, if any, first."""
        schema = answer()

        def decorator(view: Callable[Path, object]) -> Callable[Path, object]:
            @wraps(view)
            def operation(*args: Path.args, **kwargs: Path.kwargs) -> Response:
                return _one(schema, view(*args, **kwargs), 200)

            documented = self._answering(operation, 200, schema, with_etag=True)
            if query is not None:
                documented = self.blueprint.arguments(query, location="query")(documented)
            describe(documented, parameters=("IfNoneMatch",), members=_named(view))
            self._add(rule, "GET", view, documented)
            return view

        return decorator

    def list(
        self, rule: str, *, item: type[Schema], query: type[PageQuery] = PageQuery
    ) -> Callable[
        [Callable[Concatenate[PageRequest, Path], Page[Any]]],
        Callable[Concatenate[PageRequest, Path], Page[Any]],
    ]:
        """Register a view that returns one page of a list.

        It takes the page that is wanted, and where ``query`` makes something of what else
        it holds (see ``PageQuery.makes``), that.
        """
        schema = item()

        def decorator(
            view: Callable[Concatenate[PageRequest, Path], Page[Any]],
        ) -> Callable[Concatenate[PageRequest, Path], Page[Any]]:
            @wraps(view)
            def operation(parsed: dict[str, Any], **path: Any) -> Response:  # noqa: ANN401  of the URL
                limit, cursor = parsed.pop("limit"), parsed.pop("cursor")
                wanted = () if query.makes is None else (query.makes(**parsed),)
                page = view(read_page(limit, cursor), *wanted, **path)
                return _page(schema, page, limit)

            documented = self._answering(operation, 200, _page_schema(item)(), with_link=True)
            documented = self.blueprint.arguments(query, location="query")(documented)
            describe(documented, members=_named(view))
            self._add(rule, "GET", view, documented)
            return view

        return decorator

    def create(
        self, rule: str, *, body: type[Content], answer: type[Schema], location: str = ""
    ) -> Callable[
        [Callable[Concatenate[Any, Path], object]], Callable[Concatenate[Any, Path], object]
    ]:
        """Register a view that makes something of a body and returns it: 201.

        Args:
            rule: of the collection.
            body: read into the view's first argument.
            answer: what is returned.
            location: of what was made; ``{...}`` stands for members of the answer and for
                parts of the path.
        """
        return self.command(rule, body=body, answer=answer, status=201, location=location)

    def command(
        self,
        rule: str,
        *,
        body: type[Content] | None = None,
        answer: type[Schema] | None = None,
        status: int = 200,
        location: str = "",
        is_secret: bool = False,
        takes_anyone: bool = False,
    ) -> Callable[[Callable[..., object]], Callable[..., object]]:
        """Register a view that does what a POST asks for.

        Args:
            rule: its path.
            body: read into the view's first argument.
            answer: what is returned; none for nothing: 204.
            status: of the answer.
            location: as for :meth:`create`.
            is_secret: the answer holds a secret, and is kept by nobody.
            takes_anyone: it must work whatever credentials came along.
        """
        schema = None if answer is None else answer()

        def decorator(view: Callable[..., object]) -> Callable[..., object]:
            @wraps(view)
            def operation(*args: Any, **path: Any) -> Response:  # noqa: ANN401  parsed, and of the URL
                shown = view(*args, **path)
                if schema is None:
                    return Response(status=204)
                response = _one(schema, shown, status, is_secret=is_secret)
                if location:
                    members = {**path, **schema.dump(shown)}
                    response.headers["Location"] = request.root_path + location.format(**members)
                return response

            documented = self._answering(
                operation,
                status if schema else 204,
                schema,
                with_etag=status == 201,  # noqa: PLR2004
            )
            if body is not None:
                documented = self.blueprint.arguments(body)(documented)
            members = {**_named(view), **({"security": [{}]} if takes_anyone else {})}
            describe(documented, parameters=("IdempotencyKey",), members=members)
            documented.takes_anyone = takes_anyone
            self._add(rule, "POST", view, documented)
            return view

        return decorator

    def edit(
        self,
        rule: str,
        *,
        content: type[Content],
        answer: type[Schema],
        patchable: bool = True,
    ) -> Callable[
        [Callable[Concatenate[Any, Path], object]], Callable[Concatenate[Any, Path], object]
    ]:
        """Register a view that changes a resource, for PUT and, if ``patchable``, PATCH.

        It takes an :class:`Edit` first.
        """
        schema, written = answer(), content()

        def decorator(
            view: Callable[Concatenate[Any, Path], object],
        ) -> Callable[Concatenate[Any, Path], object]:
            def operation(method: str, *args: Path.args, **path: Path.kwargs) -> Response:
                body = read_json(request, default={})
                edit: Edit[Any, Any] = Edit(schema, written, body, is_patch=method == "PATCH")
                return _one(schema, view(edit, *args, **path), 200)

            for method in ("PUT", "PATCH") if patchable else ("PUT",):
                bound = wraps(view)(partial(operation, method))
                documented = self._answering(bound, 200, schema, with_etag=True)
                described = {
                    **_named(view, "replace" if method == "PUT" else "patch"),
                    "requestBody": _request_body(content, method),
                }
                describe(documented, parameters=("IfMatch",), members=described)
                self._add(rule, method, view, documented)
            return view

        return decorator

    def delete(
        self,
        rule: str,
        *,
        shown_as: type[Schema] | None = None,
        query: type[Schema] | None = None,
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Register a view that deletes: 204.

        Of a resource that is ``shown_as`` something it takes a :class:`Check` first, and the
        query's values by their names.
        """
        schema = None if shown_as is None else shown_as()

        def decorator(view: Callable[..., None]) -> Callable[..., None]:
            @wraps(view)
            def operation(*args: Any, **path: Any) -> Response:  # noqa: ANN401  parsed, and of the URL
                asked = args[0] if args else {}
                checks = () if schema is None else (Check[Any](schema),)
                view(*checks, **asked, **path)
                return Response(status=204)

            documented = self._answering(operation, 204, None)
            if query is not None:
                documented = self.blueprint.arguments(query, location="query")(documented)
            conditions = () if schema is None else ("IfMatch",)
            describe(documented, parameters=conditions, members=_named(view))
            self._add(rule, "DELETE", view, documented)
            return view

        return decorator

    def _answering(
        self,
        operation: Callable[..., Response],
        status: int,
        schema: Schema | None,
        *,
        with_etag: bool = False,
        with_link: bool = False,
    ) -> Any:  # noqa: ANN401  a function that carries notes
        headers: dict[str, dict[str, object]] = {}
        if with_etag:
            headers["ETag"] = {"schema": {"type": "string"}}
        if with_link:
            headers["Link"] = {"schema": {"type": "string"}, "description": 'With `rel="next"`.'}
        return self.blueprint.response(status, schema, headers=headers or None)(operation)

    def _add(self, rule: str, method: str, view: Callable[..., object], documented: Any) -> None:  # noqa: ANN401  as above
        endpoint = f"{method.lower()}_{view.__name__}"
        self.blueprint.add_url_rule(rule, endpoint, documented, methods=[method])


def _one(schema: Schema, shown: object, status: int, *, is_secret: bool = False) -> Response:
    """Answer with one resource."""
    body = _dump(schema, shown)
    response = Response(body, status=status, content_type=_JSON)
    if is_secret:
        response.headers["Cache-Control"] = _SECRET
        return response
    etag = etags.etag_of(body)
    response.headers["Cache-Control"] = _KEPT_BY_CLIENT
    response.headers["Vary"] = "Authorization"
    response.set_etag(etag)
    if request.method in {"GET", "HEAD"} and etags.is_unmodified(etag):
        response.status_code = 304
        response.set_data(b"")
    return response


def _page(schema: Schema, page: Page[Any], limit: int) -> Response:
    """Answer with one page of a list."""
    cursor = None if page.next is None else write_cursor(page.next)
    body = {"items": schema.dump(page.items, many=True), "next_cursor": cursor}
    response = Response(orjson.dumps(body), content_type=_JSON)
    response.headers["Cache-Control"] = _KEPT_BY_CLIENT
    response.headers["Vary"] = "Authorization"
    if cursor is not None:
        response.headers["Link"] = next_link(limit, cursor)
    return response


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


def _request_body(content: type[Content], method: str) -> dict[str, object]:
    if method == "PUT":
        return {"required": True, "content": {_JSON: {"schema": content}}}
    schema = content(partial=True)
    return {
        "required": True,
        "content": {_MERGE_PATCH: {"schema": schema}, _JSON: {"schema": schema}},
    }


def _named(view: Callable[..., object], verb: str = "") -> dict[str, object]:
    """Return an operation's unique name."""
    name = view.__name__
    return {"operationId": f"{verb}_{name.partition('_')[2]}" if verb else name}


def _dump(schema: Schema, shown: object) -> bytes:
    return orjson.dumps(schema.dump(shown))


def _load(schema: Schema, body: Json) -> Any:  # noqa: ANN401  what the schema makes
    try:
        return schema.load(body)
    except ValidationError as error:
        raise unprocessable(error.messages) from error
