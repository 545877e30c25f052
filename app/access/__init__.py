"""What a principal may do: one way to decide it, for reads and writes, in every protocol."""

from app.access.decisions import (
    may,
    may_to_some_package,
    require,
    require_token_allows,
    require_token_lists,
)
from app.access.effective import ExplainedRole, Reason, effective_role
from app.access.facts import RepositoryFacts
from app.access.listings import (
    administered_organization_ids,
    organizations_writable_by,
    readable_repository_ids,
    reads_everything,
)
from app.access.organizations import (
    may_see_organization,
    organization_role,
    require_organization,
)
from app.access.roles import Action, Role
from app.access.rules import Rule, role_on

__all__ = [
    "Action",
    "ExplainedRole",
    "Reason",
    "RepositoryFacts",
    "Role",
    "Rule",
    "administered_organization_ids",
    "effective_role",
    "may",
    "may_see_organization",
    "may_to_some_package",
    "organization_role",
    "organizations_writable_by",
    "readable_repository_ids",
    "reads_everything",
    "require",
    "require_organization",
    "require_token_allows",
    "require_token_lists",
    "role_on",
]
