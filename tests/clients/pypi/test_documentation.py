"""What the page about clients says of releases is what is driven."""

from __future__ import annotations

from importlib.metadata import version

from tests.clients.pypi.installed import LISTS, pips
from tests.live import ROOT


def test_the_page_names_the_pinned_releases() -> None:
    page = (ROOT / "docs/clients.md").read_text()
    *older, newest = pips()
    assert f"pip {', '.join(older)} and {newest}" in page
    lines = (LISTS / "tools.in").read_text().splitlines()
    pinned = [line.replace("==", " ") for line in lines if "==" in line]
    for program in (*pinned, f"uv {version('uv')}"):
        assert f"**{program}**" in page
