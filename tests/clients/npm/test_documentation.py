"""What the page about clients says of releases is what is driven."""

from __future__ import annotations

import json

from tests.live import ROOT


def test_the_page_names_the_pinned_releases() -> None:
    pinned = json.loads((ROOT / "tests/clients/javascript/package.json").read_text())
    releases = {spec.rpartition("@")[2] for spec in pinned["dependencies"].values()}
    page = (ROOT / "docs/clients.md").read_text()
    header = next(line for line in page.splitlines() if line.startswith("| |"))
    assert {cell.split()[-1] for cell in header.strip("| ").split("|")} == releases
