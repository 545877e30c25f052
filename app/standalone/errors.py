"""What keeps standalone mode from starting."""

from __future__ import annotations


class CannotStart(Exception):
    """Something stands in the way; the message says what, and what to do about it."""
