"""``/admin/settings``."""

from __future__ import annotations

from marshmallow import fields

from app.api.edits import Edit
from app.api.resource import Resource
from app.api.schemas import Content, text
from app.auth.current import current_principal
from app.registry import platform_settings
from app.registry.platform_settings import PlatformContent
from app.registry.slugs import LONGEST_SLUG

resource = Resource("platform", "What platform admins decide for everybody.")


class PlatformSettingsSchema(Content):
    """The platform's settings."""

    makes = PlatformContent

    only_admins_create_organizations = fields.Boolean(
        required=True, metadata={"description": "Else anybody who is signed in does."}
    )
    default_organization = text(
        longest=LONGEST_SLUG,
        required=True,
        metadata={
            "description": "Slug of the organization that takes what is published under a name "
            "without one, by callers who are in no other; empty for none."
        },
    )


@resource.read("/admin/settings", answer=PlatformSettingsSchema)
def get_platform_settings() -> PlatformContent:
    """Get the platform's settings, for platform admins."""
    return platform_settings.get_settings(current_principal())


@resource.edit("/admin/settings", content=PlatformSettingsSchema, answer=PlatformSettingsSchema)
def update_platform_settings(edit: Edit[PlatformContent, PlatformContent]) -> PlatformContent:
    """Change the platform's settings, for platform admins."""
    return platform_settings.update_settings(current_principal(), edit)
