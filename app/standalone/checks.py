"""What is looked at before anything is started, so that it is said in our words."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

from app.standalone.errors import CannotStart
from app.standalone.ports import is_free
from app.standalone.secret_file import SECRETS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MIB = 1024 * 1024
_OWNER_ONLY = 0o700
_OTHERS = 0o077
_REQUIRED_FREE_BYTES = 500 * _MIB
# A killed run's web workers look once a second whether their parent lives.
_PATIENCE_SECONDS = 2.5
_POLL_SECONDS = 0.1


def prepare_data_directory(data_directory: Path) -> None:
    """Create it, for its owner alone: it holds secrets and private packages.

    One that others may look into is closed to them where it is empty or ours already. Else
    somebody may use it for more, and has to decide.

    Raises:
        CannotStart: it cannot be created or written to, or is open to others.
    """
    try:
        data_directory.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"DATA_DIR: {data_directory} cannot be created ({error.strerror}). "
            "Set DATA_DIR to a folder that you may write to."
        ) from error
    if not os.access(data_directory, os.W_OK | os.X_OK):
        raise CannotStart(
            f"DATA_DIR: you may not write to {data_directory}. It may belong to another user, "
            "who ran Packhouse here before; set DATA_DIR to a folder of your own."
        )
    if data_directory.stat().st_mode & _OTHERS:
        _close_to_others(data_directory)


def _close_to_others(data_directory: Path) -> None:
    contents = {one.name for one in data_directory.iterdir()}
    try:
        if not contents or SECRETS_FILE in contents:
            data_directory.chmod(_OWNER_ONLY)
            return
    except PermissionError:
        pass  # It is another user's, who lets us write to it.
    raise CannotStart(
        f"DATA_DIR: others may look into {data_directory}, which will hold secrets and private "
        f"packages. Run `chmod 700 {data_directory}`, or set DATA_DIR to a new folder."
    )


def require_disk_space(
    data_directory: Path, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
) -> None:
    """Refuse to start where the databases would soon stop for want of space.

    Raises:
        CannotStart: less than 500 MiB are free.
    """
    disk = statvfs(data_directory)
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes < _REQUIRED_FREE_BYTES:
        raise CannotStart(
            f"Only {free_bytes // _MIB} MiB are free on the disk of {data_directory}; "
            f"{_REQUIRED_FREE_BYTES // _MIB} MiB are needed. "
            "Free some space, or set DATA_DIR to a folder on another disk."
        )


def require_free_address(host: str, port: int, patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """Refuse to start where the web server could not listen, also after a little patience.

    Raises:
        CannotStart: the port is taken or needs privileges, or the address is not ours.
    """
    deadline = time.monotonic() + patience_seconds
    try:
        while not is_free(port, host):
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"Port {port} is in use by another program. "
                    f"Stop that one, or choose another port: PORT={port + 1}."
                )
            time.sleep(_POLL_SECONDS)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise CannotStart(
                f"Port {port} needs privileges that you do not have. "
                "Choose one above 1023: PORT=3000."
            ) from error
        raise CannotStart(
            f"HOST: {host} is not an address of this machine ({error.strerror}). "
            "Set HOST=0.0.0.0 for all of its addresses, or HOST=127.0.0.1 for itself alone."
        ) from error
