"""What the page about clients says of releases is what is driven."""

from __future__ import annotations

from tests.clients.rubygems.installed import DEBIAN, releases
from tests.live import ROOT


def test_the_page_names_the_pinned_releases() -> None:
    page = (ROOT / "docs/clients.md").read_text()
    for release in releases():
        if release.rubygems != DEBIAN:
            assert f"**RubyGems {release.rubygems}** and **Bundler {release.bundler}**" in page
