"""The official conformance suite for OCI registries, against Packhouse as `make run` starts it.

    make conformance                         on both stores
    make conformance ARGS="--store s3"       on one

Nothing may fail and nothing may be skipped: the suite skips what a registry politely refuses.
What it finds is kept as build/conformance/<store>/report.html, junit.xml and results.yaml.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.standalone_registry import ORGANIZATION, packhouse

if TYPE_CHECKING:
    from tests.standalone_registry import Registry

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / ".clients/conformance/bin/conformance"
REPORTS = ROOT / "build/conformance"
STORES = ("filesystem", "s3")
PATIENCE_SECONDS = 900

# Everything is on but OCI_DATA_SPARSE, which pushes an image that lacks a layer: that is refused.
OPTIONS = {
    "OCI_TLS": "disabled",
    "OCI_VERSION": "1.1",
    "OCI_LOG": "error",
    "OCI_REPO1": f"{ORGANIZATION}/conformance-1",
    "OCI_REPO2": f"{ORGANIZATION}/conformance-2",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
}


def main() -> None:
    """Run the suite on each store; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="make conformance", description=(__doc__ or "")[:79])
    parser.add_argument("--store", choices=STORES, action="append", dest="stores")
    stores = parser.parse_args().stores or STORES
    if not SUITE.exists():
        _without_the_suite()
    counts: Counter[str] = Counter()
    for store in stores:
        with (
            tempfile.TemporaryDirectory(prefix="conformance-") as folder,
            packhouse(Path(folder), store) as registry,
        ):
            counts += examine(registry, REPORTS / store)
    bad = counts["failure"] + counts["error"]
    _say(f"Conformance: {counts['passed']} passed, {bad} failed, {counts['skipped']} skipped")
    sys.exit(1 if bad or counts["skipped"] or not counts["passed"] else 0)


def _without_the_suite() -> None:
    if shutil.which("go"):
        sys.exit(f"{SUITE} is missing; make conformance builds it.")
    _say("Conformance is not examined: the suite is built with Go, which is not installed.")
    sys.exit(0)


def examine(registry: Registry, report: Path) -> Counter[str]:
    """Run the suite once; returns how many of its tests came to what.

    Args:
        registry: the one to examine.
        report: a folder for what the suite writes; what is in it goes.
    """
    shutil.rmtree(report, ignore_errors=True)
    report.mkdir(parents=True)
    access = {
        "OCI_REGISTRY": registry.host,
        "OCI_USERNAME": registry.username,
        "OCI_PASSWORD": registry.token,
        "OCI_RESULTS_DIR": str(report),
    }
    with (report / "output.txt").open("w") as output:
        code = subprocess.run(  # noqa: S603  the suite, with no argument
            [SUITE],
            env={**_without_options_of_the_suite(), **OPTIONS, **access},
            cwd=report,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=PATIENCE_SECONDS,
        ).returncode
    counts: Counter[str] = Counter()
    for case in ET.parse(report / "junit.xml").getroot().iter("testcase"):  # noqa: S314  the suite's
        status = case.get("status", "error")
        counts[status] += 1
        if status != "passed":
            _say(f"{status}: {case.get('name')}")
    if code and not counts["failure"] + counts["error"]:
        sys.exit(f"The suite ended with {code}; see {report / 'output.txt'}.")
    _say(f"{report.name}: {dict(counts)}; the report is {report / 'report.html'}")
    return counts


def _without_options_of_the_suite() -> dict[str, str]:
    """Return our environment without what would change what is examined."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OCI_")}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
