"""The names by which people are known: usernames and e-mail addresses."""

from __future__ import annotations

import re
import unicodedata

LONGEST_EMAIL = 254
_LONGEST_LOCAL_PART = 64
_USERNAME = re.compile("[a-z0-9][a-z0-9._-]{1,38}")
_FORBIDDEN_IN_LOCAL_PART = re.compile(r'[\s()<>\[\]:;@\\,"]')
_DOMAIN_LABEL = re.compile(r"[^\W_](?:[^\W_]|-){0,62}(?<!-)")


def is_username(text: str) -> bool:
    """Say whether a username may look so: lower case, URL-safe, 2 to 39 characters."""
    return _USERNAME.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Say whether an address is well formed; internal domains (``corp``) are."""
    local, separator, domain = text.rpartition("@")
    if not separator or len(text) > LONGEST_EMAIL or not 0 < len(local) <= _LONGEST_LOCAL_PART:
        return False
    if not local.isprintable() or _FORBIDDEN_IN_LOCAL_PART.search(local):
        return False
    if "" in local.split("."):
        return False
    return all(_DOMAIN_LABEL.fullmatch(label) for label in domain.split("."))


def fold(text: str) -> str:
    """Return the one spelling under which a name or an address is kept and looked up.

    What is too long to be either stays as it is: normalising takes the square of the number
    of accents on one letter, and anybody may send megabytes of them.
    """
    if len(text) > LONGEST_EMAIL:
        return text
    return unicodedata.normalize("NFC", text.strip()).lower()
