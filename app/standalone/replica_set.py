"""Makes a MongoDB server the only member of its replica set, with a user for its clients."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from app.standalone.ports import LOOPBACK

_NOT_YET_INITIATED = 94
_USER_EXISTS = 51003
_PROBE_MILLISECONDS = 2000


def is_primary(port: int, name: str, *, user: str, key: str) -> bool:
    """Whether it takes writes and has its user; takes the steps that are missing.

    Args:
        user: whom clients sign in as, with the key for a password.
        key: the content of the server's key file. Who has it may sign in as a member of the
            replica set, also before there is one and before there are users.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(
        LOOPBACK,
        port,
        directConnection=True,
        serverSelectionTimeoutMS=_PROBE_MILLISECONDS,
        username="__system",
        password=key,
        authSource="local",
        authMechanism="SCRAM-SHA-256",
    )
    with client:
        try:
            if client.admin.command("hello")["isWritablePrimary"]:
                _make_user(client, user, key)
                return True
            _set_up(client, f"{LOOPBACK}:{port}", name)
        except PyMongoError:
            return False
    return False


def _make_user(client: MongoClient[dict[str, Any]], name: str, password: str) -> None:
    try:
        client.admin.command("createUser", name, pwd=password, roles=["root"])
    except OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise


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
