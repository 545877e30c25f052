"""What keeps standalone mode from starting."""

from __future__ import annotations


class CannotStart(Exception):  # noqa: N818  the name says what happened
    """Something stands in the way; the message says what, and what to do about it."""
