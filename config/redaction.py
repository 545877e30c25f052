"""Keep secrets out of what is written down: log lines and audit events.

Nobody should hand a secret to either; this is the net beneath that rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

MASK = "***"

_SECRET_KEY = re.compile(
    r"(?:.*_)?(?:authorization|cookie|token|password|passwd|secret|api_?key|private_key|email)",
    re.IGNORECASE,
)
# Almost every text has none of these; looking for all of the below takes ten times as long.
_HINT = re.compile(r"srg_|/-/user/token/|eyJ|bearer|basic|://|[?&]", re.IGNORECASE)
_SECRETS_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # Our own API tokens, wherever they are.
    (re.compile(r"srg_[A-Za-z0-9_-]+"), f"srg_{MASK}"),
    # `npm logout` names the token in the path.
    (re.compile(r"(/-/user/token/)[^\s/?#\"']+"), rf"\1{MASK}"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), f"jwt_{MASK}"),
    (re.compile(r"\b(Bearer)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\b(Basic)\s+[a-z0-9+/]{8,}={0,2}(?![\w.])", re.IGNORECASE), rf"\1 {MASK}"),
    # The password of a URL, as in a driver's error message.
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"([?&][\w.-]*(?:token|password|secret|key|session|signature|credential)=)[^&\s\"']+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)


def mask_text(text: str) -> str:
    """Return ``text`` with what looks like a secret replaced by ``***``."""
    if _HINT.search(text) is None:
        return text
    for pattern, replacement in _SECRETS_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1000)
def is_secret_key(key: str) -> bool:
    """Whether a field of this name holds a secret or an e-mail address.

    ``token`` and ``X-Auth-Token`` do; ``token_id`` names one without giving it away.
    """
    return _SECRET_KEY.fullmatch(key.replace("-", "_")) is not None


def redact(value: object) -> object:
    """Return a copy of a log field's value without secrets, however deep they are."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(key, str) and is_secret_key(key) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    return value
