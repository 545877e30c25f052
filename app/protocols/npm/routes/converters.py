"""How a package's name stands in a path.

WSGI decodes ``%2f`` before routing, so ``/@acme%2fthing`` and ``/@acme/thing`` are one
path; a name is therefore matched in its longest form.
"""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class PackageNameConverter(BaseConverter):
    """Matches ``@scope/name`` or ``name``; whether it is a valid name is not decided here.

    A name never is ``-``, which leads to the service endpoints, and an unscoped one never
    starts with ``@``.
    """

    regex = r"(?:@[^/]+/[^/]+|[^/@-][^/]*|-[^/]+)"
    part_isolating = False
    weight = 150
