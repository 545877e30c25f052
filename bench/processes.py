"""What a process and its descendants use, read from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from bench.packages import KIB

_PEAK_ONLY = "5"  # proc(5), clear_refs: reset the peak resident size


def tree(pid: int) -> list[int]:
    """Return the process and all of its descendants."""
    found = [pid]
    for one in found:
        with suppress(OSError):
            tasks = Path(f"/proc/{one}/task").glob("*/children")
            found += [int(child) for task in tasks for child in task.read_text().split()]
    return found


def forget_peaks(pids: list[int]) -> None:
    """Let the peaks begin anew at what is resident now."""
    for pid in pids:
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text(_PEAK_ONLY)


def peak_bytes(pids: list[int]) -> int:
    """Return the sum of the peak resident sizes; what several share counts for each."""
    return sum(_peak(pid) for pid in pids)


def largest_peak_bytes(pids: list[int]) -> int:
    """Return the peak resident size of the one that had the highest."""
    return max((_peak(pid) for pid in pids), default=0)


def _peak(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIB
    return 0


def cpu_seconds(pids: list[int]) -> tuple[float, float]:
    """Return what they have used so far: by themselves, and in the kernel for them."""
    used = [_ticks(pid) for pid in pids]
    second = os.sysconf("SC_CLK_TCK")
    return sum(user for user, _ in used) / second, sum(kernel for _, kernel in used) / second


def _ticks(pid: int) -> tuple[int, int]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])  # proc(5): utime, stime
