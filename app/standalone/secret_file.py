"""The secrets that Packhouse makes for itself once, and keeps in files of its own."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from app.standalone.errors import CannotStart

if TYPE_CHECKING:
    from pathlib import Path

SECRETS_FILE = "secrets.json"
_OWNER_ONLY = 0o600


@dataclass(frozen=True, kw_only=True, repr=False)
class Secrets:
    """What signs sessions, encrypts stored credentials, and opens the S3 server."""

    jwt_secret: str
    auth_encryption_key: str
    s3_access_key: str
    s3_secret_key: str


def kept_secrets(file: Path) -> Secrets:
    """Return the secrets of this data folder, made at its first start.

    They are never made anew where the file is damaged: what they encrypted would be lost.

    Raises:
        CannotStart: the file is there but cannot be read.
    """
    if not file.exists():
        write_privately(file, json.dumps(asdict(_new_secrets()), indent=2))
    try:
        return Secrets(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CannotStart(
            f"{file} cannot be read ({error}). It holds the keys of this data folder; "
            "put it back from a backup."
        ) from error


def kept_password(file: Path, directive: str = "") -> str:
    """Return the password of a server of ours, made at its first start.

    The server reads the file itself: a command line is there for everybody on the machine.

    Args:
        directive: what the server wants before the password.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_privately(file, f"{directive}{secrets.token_hex(24)}\n")
    return file.read_text(encoding="utf-8").strip().removeprefix(directive)


def _new_secrets() -> Secrets:
    return Secrets(
        jwt_secret=secrets.token_urlsafe(48),
        auth_encryption_key=secrets.token_hex(32),
        s3_access_key=secrets.token_hex(10),
        s3_secret_key=secrets.token_hex(20),
    )


def write_privately(file: Path, text: str) -> None:
    """Write the whole file or none: it is complete before it has its name."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    unfinished.rename(file)
