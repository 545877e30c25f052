"""``/packages/{package}/downloads``."""

from __future__ import annotations

from marshmallow import fields

from app.api.resource import Resource
from app.api.schemas import PageQuery, Strict
from app.auth.current import current_principal
from app.registry import download_counts
from app.registry.download_counts import USUAL_DAYS, DownloadFilter, DownloadsOfDay
from app.registry.listing import Page, PageRequest

resource = Resource("downloads", "How often each version was downloaded, by day.")


class DownloadsQuery(PageQuery):
    """Which days are wanted."""

    makes = DownloadFilter

    first = fields.Date(
        data_key="from",
        load_default=None,
        metadata={"description": f"The first day; without it, the last {USUAL_DAYS} are given."},
    )
    last = fields.Date(
        data_key="to",
        load_default=None,
        metadata={"description": "The last day; without it, today. Days are those of UTC."},
    )


class DownloadsOfDaySchema(Strict):
    """The downloads of one version on one day."""

    date = fields.Date(required=True)
    version = fields.String(
        required=True, metadata={"description": "Of an image: the tag or digest."}
    )
    downloads = fields.Integer(required=True)


@resource.list("/packages/<package>/downloads", item=DownloadsOfDaySchema, query=DownloadsQuery)
def list_downloads(page: PageRequest, wanted: DownloadFilter, package: str) -> Page[DownloadsOfDay]:
    """List how often each version was downloaded on each day, the newest day first."""
    return download_counts.list_downloads(current_principal(), package, wanted, page)
