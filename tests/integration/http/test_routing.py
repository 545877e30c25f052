"""One URL space for every scope and every spelling of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.registry.reserved_words import RESERVED_AT_ROOT

if TYPE_CHECKING:
    from flask import Flask


@pytest.mark.parametrize("path", ["/npm/-/ping", "/npm//-/ping", "/o/acme/npm//-/ping"])
def test_a_slash_more_after_the_base_changes_nothing(app: Flask, path: str) -> None:
    assert app.test_client().get(path).status_code == 200


def test_every_route_begins_with_a_word_that_is_reserved(app: Flask) -> None:
    begins = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
    assert begins <= RESERVED_AT_ROOT
