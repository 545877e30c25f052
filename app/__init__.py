"""Packhouse: one registry for seven package formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config.settings import Settings


def create_app(settings: Settings) -> Flask:
    """Build the application: wires, decides nothing.

    Connects to MongoDB, Redis and the store; starts nothing. Created after the fork, once
    per process.
    """
    # Imported here so that a command that needs no server starts without them.
    from app.factory import build_app  # noqa: PLC0415

    return build_app(settings)
