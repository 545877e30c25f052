"""JSON merge patch: what a PATCH makes of a resource's JSON.

Spec: RFC 7396, "Processing Merge Patch Documents".
"""

from __future__ import annotations

from typing import Any

Json = Any  # any JSON value


def merged(target: Json, patch: Json) -> Json:
    """Return what a patch makes of a target; neither is changed.

    An object's members are merged, ``null`` removes one, and everything else replaces.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
