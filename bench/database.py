"""This process's connection to the database that a measured Packhouse runs."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.models import connection
from config.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymongo.database import Database

_NAME = Settings.model_fields["mongodb_db"].default


@contextmanager
def of_packhouse(folder: Path) -> Iterator[Database[Any]]:
    """Connect for as long as the block.

    Args:
        folder: that ``packhouse.packhouse`` was given.
    """
    url = json.loads((folder / "data/environment.json").read_text())["MONGODB_URL"]
    client: Any = connection.connect(url, _NAME)
    try:
        yield client[_NAME]
    finally:
        connection.disconnect()
