from __future__ import annotations

import pytest

from app.standalone.parts import shown_url
from config.settings import load_settings


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "0.0.0.0"}, "http://localhost:3000"),  # noqa: S104  what HOST may say
        ({"host": "::"}, "http://localhost:3000"),
        ({"host": "10.1.2.3", "port": 80}, "http://10.1.2.3:80"),
        ({"host": "fd00::1"}, "http://[fd00::1]:3000"),
        ({"public_url": "https://packages.example.org"}, "https://packages.example.org"),
    ],
)
def test_the_address_shown_is_one_that_a_browser_here_can_open(
    given: dict[str, object], url: str
) -> None:
    assert shown_url(load_settings(_env_file=None, **given)) == url
