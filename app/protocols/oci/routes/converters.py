"""How an image's name stands in a path."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class ImageNameConverter(BaseConverter):
    """Takes all before a route's last words, whatever it is.

    A component of a name may be called ``blobs`` or ``tags``. What follows the name in every
    route has a fixed number of segments, so there is one way only to read a path from its
    end. Whether it is a name, with the right error, is for ``names.parse_name`` to say.
    """

    part_isolating = False
    regex = r"(?s:.+?)"
    weight = 200
