"""What the page about clients says of releases is what is driven."""

from __future__ import annotations

from tests.clients.oci.installed import releases
from tests.live import ROOT


def test_the_page_names_the_releases_that_are_built() -> None:
    page = (ROOT / "docs/clients.md").read_text()
    for program, release in releases().items():
        assert f"{program} {release}" in page
