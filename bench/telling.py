"""What a benchmark says: results on standard output, where it is on standard error."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a part of the report."""
    print(f"{text}\n", flush=True)


def progress(text: str) -> None:
    """Tell who waits what is going on."""
    print(f"  {text}", file=sys.stderr, flush=True)
