"""What happens around every view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask import Flask

    from tests.world import World


@pytest.mark.parametrize(
    "path",
    ["/api/v1/packages?q=%00", "/api/v1/packages?limit=1&q=a%00b", "/npm/-/v1/search?text=%00"],
)
def test_a_query_that_no_database_takes_is_refused(app: Flask, world: World, path: str) -> None:
    answer = app.test_client().get(path, headers=world.person("alice").bearer)
    assert answer.status_code == 422
    assert "NUL" in answer.get_data(as_text=True)
