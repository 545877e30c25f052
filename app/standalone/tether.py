"""Becomes another program that dies with the process that started it.

Run as ``python -I -S tether.py PARENT_PID PROGRAM [ARGUMENT ...]``. Nobody is left to stop
the children of a parent that was killed outright, so the kernel is asked to. This is a
program of its own rather than a ``preexec_fn``, which is unsafe once the parent has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, argv: list[str]) -> None:
    """Tie this process to ``parent``, then become ``argv``.

    SIGKILL, because it cannot be put off: every part survives it by design, and a next
    start must not have to wait for the leftovers of this one. Elsewhere than on Linux a
    killed parent's children stay; the next start ends them by their recorded pids.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            sys.exit("the parent died before its child had started")
    os.execv(argv[0], argv)  # noqa: S606  an absolute path that our parent chose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
