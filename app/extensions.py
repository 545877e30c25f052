"""What a running process has exactly one of, bound when the app is created.

Nothing here exists before ``create_app``; each name resolves through Flask's current
application, so that a process, a task and a command use the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask import Flask, current_app
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    import redis as redis_client
    from celery import Celery

    from app.coherence import Coherence
    from app.registry.download_counts import DownloadCounter
    from app.registry.group_commit import GroupCommit
    from app.registry.listings import ListingFolds
    from app.storage.base import ObjectStore
    from config.settings import Settings

_PREFIX = "packhouse."


def bind(app: Flask, name: str, value: object) -> None:
    """Give the app its one ``name``."""
    app.extensions[_PREFIX + name] = value


def _bound(name: str) -> object:
    return LocalProxy(lambda: current_app.extensions[_PREFIX + name])


settings = cast("Settings", _bound("settings"))
redis = cast("redis_client.Redis", _bound("redis"))
store = cast("ObjectStore", _bound("store"))
coherence = cast("Coherence", _bound("coherence"))
group_commit = cast("GroupCommit[Any, Any]", _bound("group_commit"))
listing_folds = cast("ListingFolds", _bound("listing_folds"))
downloads = cast("DownloadCounter", _bound("downloads"))
celery = cast("Celery", _bound("celery"))
