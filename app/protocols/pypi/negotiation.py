"""Which form of the simple API a client takes.

Spec: Simple repository API, "Content negotiation" (PEP 691).
"""

from __future__ import annotations

from enum import StrEnum

from flask import Request


class SimpleForm(StrEnum):
    """A form of the simple API; the value is the media type that is answered."""

    HTML = "text/html; charset=utf-8"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"
    JSON = "application/vnd.pypi.simple.v1+json"


_OFFERS = {
    "text/html": SimpleForm.HTML,
    "application/vnd.pypi.simple.v1+html": SimpleForm.HTML_V1,
    "application/vnd.pypi.simple.latest+html": SimpleForm.HTML_V1,
    "application/vnd.pypi.simple.v1+json": SimpleForm.JSON,
    "application/vnd.pypi.simple.latest+json": SimpleForm.JSON,
}
"""In the order in which they are preferred where a client takes them equally."""


def negotiate(asked: Request) -> SimpleForm:
    """Return the form that a request wants; never a 406: whatever is unknown gets HTML.

    ``?format=`` with one of the media types wins over ``Accept``.
    """
    wanted = asked.args.get("format", "").replace(" ", "+")  # which people do not escape
    if wanted in _OFFERS:
        return _OFFERS[wanted]
    best = asked.accept_mimetypes.best_match(_OFFERS, default="text/html")
    return _OFFERS[best]
