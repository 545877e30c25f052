"""Which keys a store accepts, and how to make one of names that may be too long.

The limits are those of the strictest backend, so that artifacts can move between them:
filesystems and SeaweedFS take segments of 255 bytes, S3 takes keys of 1,024.
"""

from __future__ import annotations

import hashlib
import re

LONGEST_SEGMENT_BYTES = 255
LONGEST_KEY_BYTES = 896
"""What S3 takes, less 128 bytes for ``STORAGE_PATH``."""

_CONTROL_OR_BACKSLASH = re.compile(r"[\x00-\x1f\x7f\\]")


def check_key(key: str) -> str:
    """Return the key unchanged.

    Raises:
        ValueError: a segment is empty, ``.``, ``..`` or too long, the key is too long, or
            it holds a control character, a backslash or what UTF-8 cannot write.
    """
    if _CONTROL_OR_BACKSLASH.search(key):
        raise ValueError(f"a control character or backslash in the key {key!r}")
    for segment in key.split("/"):
        if segment in {"", ".", ".."}:
            raise ValueError(f"an empty or relative segment in the key {key!r}")
        if len(segment.encode()) > LONGEST_SEGMENT_BYTES:
            raise ValueError(f"a segment of over {LONGEST_SEGMENT_BYTES} bytes in the key {key!r}")
    if len(key.encode()) > LONGEST_KEY_BYTES:
        raise ValueError(f"over {LONGEST_KEY_BYTES} bytes in the key {key!r}")
    return key


def object_key(*names: str) -> str:
    """Join names to a key, cutting what is too long and marking the cut with a digest.

    The same path always gives the same key. Names may hold slashes, which separate as well.
    What was cut cannot be got back from the key: record the key beside the names.

    Raises:
        ValueError: the names are not safe as a key; see :func:`check_key`.
    """
    whole = "/".join(names)
    segments = [_fit(segment) for segment in whole.split("/")]
    key = "/".join(segments)
    if len(key.encode()) > LONGEST_KEY_BYTES:
        key = "/".join((*segments[:2], _digest(whole), segments[-1]))
    return check_key(key)


def _fit(segment: str) -> str:
    raw = segment.encode()
    if len(raw) <= LONGEST_SEGMENT_BYTES:
        return segment
    mark = _digest(segment)
    head = raw[: LONGEST_SEGMENT_BYTES - len(mark)]
    return head.decode(errors="ignore") + mark


def _digest(text: str) -> str:
    return "~" + hashlib.sha256(text.encode()).hexdigest()
