"""Which tasks run by themselves, and how often."""

from __future__ import annotations

from typing import Any

# By name: the process that sends them needs nothing of what they import.
_EVERY_SECONDS = {
    "audit.flush": 1.0,
    "worker.heartbeat": 2.0,
    "jobs.run": 5.0,
    "downloads.flush": 30.0,
    "sweeping.sweep": 900.0,
    "oci.collect": 900.0,
}


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return Celery's schedule. A run that no worker took before the next is due is dropped."""
    return {
        name: {"task": name, "schedule": seconds, "options": {"expires": seconds}}
        for name, seconds in _EVERY_SECONDS.items()
    }
