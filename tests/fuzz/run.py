"""Schemathesis against Packhouse as `make run` starts it: its OpenAPI document has to be true.

    make fuzz                       as an administrator, as anybody, and as nobody
    make fuzz ARGS="--seed 7"       with other cases
    make fuzz ARGS="--examples 200" with more of them

Every check is on, stateful ones too. Fewer than 5,000 cases in all are a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.standalone_registry import ORGANIZATION, packhouse, post

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.standalone_registry import Registry

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REPORTS = ROOT / "build/fuzz"
LEAST_CASES = 5000
_CASES = re.compile(r"(\d+) generated")


def main() -> None:
    """Run it as each of three; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "")[:95])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=25, help="of each operation and phase")
    options = parser.parse_args()
    REPORTS.mkdir(parents=True, exist_ok=True)
    cases, failed = 0, []
    settings = {"RATE_LIMIT_MANAGEMENT": "0", "LOG_LEVEL": "ERROR"}
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        packhouse(Path(folder), **settings) as registry,
    ):
        for name, identity in _identities(registry):
            found, is_well = examine(registry, name, identity, options)
            cases += found
            failed += [] if is_well else [name]
    enough = cases >= LEAST_CASES
    _say(
        f"Fuzz: {cases} cases{'' if enough else f', fewer than {LEAST_CASES}'}; "
        f"failed: {', '.join(failed) or 'none'}"
    )
    sys.exit(0 if enough and not failed else 1)


def _identities(registry: Registry) -> list[tuple[str, Mapping[str, str]]]:
    """Make something to find; returns who asks."""
    people = []
    for username, is_admin in (("second-admin", True), ("anybody", False)):
        identity = {"email": f"{username}@packhouse.test", "password": "correct horse battery"}
        new = {**identity, "username": username, "is_platform_admin": is_admin}
        made = post(registry.host, "users", new, registry.token)
        people.append({**identity, "username": username, "id": made["id"]})
    member = {"user": "anybody", "role": "member"}
    post(registry.host, f"organizations/{ORGANIZATION}/members", member, registry.token)
    new_team = {"slug": "builders"}
    post(registry.host, f"organizations/{ORGANIZATION}/teams", new_team, registry.token)
    admin, anybody = people
    # The administrator last: who may do everything may do it to the others.
    return [("anybody", anybody), ("nobody", {}), ("administrator", admin)]


def examine(
    registry: Registry, name: str, identity: Mapping[str, str], options: argparse.Namespace
) -> tuple[int, bool]:
    """Run Schemathesis once; returns how many cases it made, and whether all is well."""
    output = REPORTS / f"{name}.txt"
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file"),
        *(str(HERE / "schemathesis.toml"), "run"),
        f"http://{registry.host}/api/v1/openapi.json",
        *("--checks", "all"),
        *("--seed", str(options.seed), "--max-examples", str(options.examples)),
        # The hooks leave much out on purpose.
        *("--suppress-health-check", "filter_too_much"),
    ]
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "FUZZ_HOST": registry.host,
        "FUZZ_IDENTITY": json.dumps(dict(identity)),
    }
    with output.open("w") as opened:
        code = subprocess.run(  # noqa: S603  our own arguments, no shell
            command, env=env, cwd=REPORTS, stdout=opened, stderr=subprocess.STDOUT, check=False
        ).returncode
    text = output.read_text()
    cases = _CASES.search(text)
    _say(f"{name}: {cases[1] if cases else 0} cases, exit code {code}; see {output}")
    if code:
        _say(text[-6000:])
    return int(cases[1]) if cases else 0, code == 0 and cases is not None


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
