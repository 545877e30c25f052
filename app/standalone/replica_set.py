"""Makes a MongoDB server the only member of its replica set."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from app.standalone.ports import LOOPBACK

_NOT_YET_INITIATED = 94
_PROBE_MILLISECONDS = 2000


def is_primary(port: int, name: str) -> bool:
    """Whether it takes writes; sets up the replica set where that is what it waits for."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=_PROBE_MILLISECONDS
    )
    with client:
        try:
            if client.admin.command("hello")["isWritablePrimary"]:
                return True
            _set_up(client, f"{LOOPBACK}:{port}", name)
        except PyMongoError:
            return False
    return False


def _set_up(client: MongoClient[dict[str, Any]], address: str, name: str) -> None:
    """Initiate it once; name the new address where the port has changed since."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIATED:
            raise
        members = [{"_id": 0, "host": address}]
        client.admin.command("replSetInitiate", {"_id": name, "members": members})
        return
    if config["members"][0]["host"] != address:
        config["members"][0]["host"] = address
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
