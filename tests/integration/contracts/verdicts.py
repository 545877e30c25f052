"""Who may do what: the one table of it, which the tests hold the API to and a page shows people.

The organization of the table is private, and so is its repository. Each operation needs something
of its caller, and what a caller who has not got it is answered follows from that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PEOPLE = {
    "nobody": "nobody is signed in",
    "stranger": "signed in, and nothing to do with the organization",
    "reader": "a direct grant of `reader` on the repository, and no member",
    "developer": "a direct grant of `developer`",
    "maintainer": "a direct grant of `maintainer`",
    "repo-admin": "a direct grant of `admin`",
    "member": "a member of the organization",
    "team-member": "in a team that has the repository",
    "team-lead": "a maintainer of that team",
    "admin": "an admin of the organization",
    "owner": "an owner of the organization",
    "root": "a platform admin",
}
TOKENS = {
    "read": "the owner's token for the action `read`",
    "write": "… for `write`",
    "delete": "… for `delete`",
    "npm": "… for the protocol npm",
    "elsewhere": "… for another organization",
}

OK = "ok"

# What each person is answered, in the order of PEOPLE.
NEEDS = {
    "nothing":                 "ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  ok",
    "an account":              "401 ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  ok",
    "its own account":         "401 404 404 404 404 404 404 404 404 404 ok  ok",
    "its own, no wider":       "401 404 404 404 404 404 404 404 404 404 ok  ok",
    "its owner":               "401 404 404 404 404 404 404 404 404 404 ok  404",
    "platform admin":          "401 403 403 403 403 403 403 403 403 403 403 ok",
    "sight of organization":   "401 404 ok  ok  ok  ok  ok  ok  ok  ok  ok  ok",
    "member":                  "401 404 403 403 403 403 ok  ok  ok  ok  ok  ok",
    "team's member":           "401 404 404 404 404 404 ok  ok  ok  ok  ok  ok",
    "team's admin":            "401 404 404 404 404 404 403 403 403 ok  ok  ok",
    "organization admin":      "401 404 403 403 403 403 403 403 403 ok  ok  ok",
    "organization owner":      "401 404 403 403 403 403 403 403 403 403 ok  ok",
    "reader":                  "401 404 ok  ok  ok  ok  404 ok  ok  ok  ok  ok",
    "maintainer":              "401 404 403 403 ok  ok  404 403 ok  ok  ok  ok",
    "repository admin":        "401 404 403 403 403 ok  404 403 403 ok  ok  ok",
    "admin of both":           "401 404 404 404 404 404 404 403 403 ok  ok  ok",
}  # fmt: skip

OPERATIONS = """
post   /auth/login                                           nothing
post   /auth/refresh                                         nothing
post   /auth/logout                                          an account
get    /auth/me                                              an account
get    /auth/providers                                       nothing
get    /auth/sessions                                        an account
delete /auth/sessions                                        an account
get    /auth/sessions/{session}                              an account
delete /auth/sessions/{session}                              an account
post   /auth/password                                        an account
get    /users                                                platform admin
post   /users                                                platform admin
get    /users/{user}                                         its own account
put    /users/{user}                                         its own account
patch  /users/{user}                                         its own account
delete /users/{user}                                         platform admin
get    /organizations                                        nothing
post   /organizations                                        an account
get    /organizations/{organization}                         sight of organization
put    /organizations/{organization}                         organization admin
patch  /organizations/{organization}                         organization admin
delete /organizations/{organization}                         organization owner
get    /organizations/{organization}/members                 member
post   /organizations/{organization}/members                 organization admin
get    /organizations/{organization}/members/{user}          member
put    /organizations/{organization}/members/{user}          organization admin
delete /organizations/{organization}/members/{user}          organization owner
get    /organizations/{organization}/teams                   member
post   /organizations/{organization}/teams                   organization admin
get    /teams/{team}                                         team's member
put    /teams/{team}                                         team's admin
patch  /teams/{team}                                         team's admin
delete /teams/{team}                                         team's admin
get    /teams/{team}/members                                 team's member
post   /teams/{team}/members                                 team's admin
get    /teams/{team}/members/{user}                          team's member
put    /teams/{team}/members/{user}                          team's admin
delete /teams/{team}/members/{user}                          team's admin
get    /teams/{team}/repositories                            team's member
put    /teams/{team}/repositories/{repository}               admin of both
delete /teams/{team}/repositories/{repository}               admin of both
get    /organizations/{organization}/repositories            sight of organization
post   /organizations/{organization}/repositories            organization admin
get    /repositories/{repository}                            reader
put    /repositories/{repository}                            repository admin
patch  /repositories/{repository}                            repository admin
delete /repositories/{repository}                            repository admin
get    /repositories/{repository}/permissions                repository admin
get    /repositories/{repository}/permissions/effective      reader
put    /repositories/{repository}/permissions/users/{user}   repository admin
delete /repositories/{repository}/permissions/users/{user}   repository admin
put    /repositories/{repository}/permissions/teams/{team}   repository admin
delete /repositories/{repository}/permissions/teams/{team}   repository admin
get    /packages                                             nothing
get    /packages/by-name/{protocol}/{organization}/{name}    reader
get    /packages/{package}                                   reader
put    /packages/{package}                                   maintainer
patch  /packages/{package}                                   maintainer
delete /packages/{package}                                   maintainer
get    /packages/{package}/downloads                         reader
get    /packages/{package}/versions                          reader
get    /packages/{package}/versions/{version}                reader
delete /packages/{package}/versions/{version}                maintainer
post   /packages/{package}/versions/{version}/yank           maintainer
post   /packages/{package}/versions/{version}/unyank         maintainer
get    /packages/{package}/versions/{version}/files          reader
get    /packages/{package}/versions/{version}/readme         reader
get    /packages/{package}/versions/{version}/dependencies   reader
get    /organizations/{organization}/tombstones              organization admin
get    /organizations/{organization}/tombstones/{tombstone}           organization admin
get    /organizations/{organization}/tombstones/{tombstone}/versions  organization admin
get    /tokens                                               an account
post   /tokens                                               an account
get    /tokens/{token}                                       its own account
delete /tokens/{token}                                       its own, no wider
post   /tokens/{token}/rotate                                its owner
get    /admin/tokens                                         platform admin
get    /admin/settings                                       platform admin
put    /admin/settings                                       platform admin
patch  /admin/settings                                       platform admin
get    /audit                                                an account
get    /audit/export                                         an account
get    /audit/verify                                         platform admin
get    /jobs                                                 an account
get    /jobs/{job}                                           its own account
get    /jobs/{job}/items                                     its own account
post   /jobs/{job}/cancel                                    its own account
"""

_ACTION = {"get": "read", "post": "write", "put": "write", "patch": "write", "delete": "delete"}
_NO_WIDER = "its own, no wider"  # a token ends none that may more than it
_OPEN_TO_ALL = {"/auth/login", "/auth/refresh", "/auth/providers"}
_ENDS_ITSELF = "/auth/logout"  # whatever a token is for, its bearer may be done with it
# A token for another organization lists what is within it, and reads its bearer's own account.
_OF_NO_ORGANIZATION = {"nothing", "an account", "its own account", "its owner"}


@dataclass(frozen=True)
class Operation:
    """One thing that can be done, and what it needs; ``path`` is below ``/api/v1``."""

    method: str
    path: str
    need: str

    def verdicts(self) -> dict[str, str]:
        """Return what each caller is answered: ``ok``, or a status."""
        people = dict(zip(PEOPLE, NEEDS[self.need].split(), strict=True))
        return people | {token: self._of_token(token, people["owner"]) for token in TOKENS}

    def _of_token(self, token: str, of_owner: str) -> str:
        if self.path in _OPEN_TO_ALL or self.path == _ENDS_ITSELF:
            return OK
        if self.need == _NO_WIDER:
            return "403"
        if token == "npm":  # noqa: S105  a name of the table
            return "403"
        if token == "elsewhere":  # noqa: S105  a name of the table
            is_read = self.method == "get"
            return of_owner if self.need in _OF_NO_ORGANIZATION and is_read else "403"
        return of_owner if token == _ACTION[self.method] else "403"


def operations() -> Iterator[Operation]:
    """Give all of them, in the order of the table."""
    for line in OPERATIONS.strip().splitlines():
        method, path, need = line.split(maxsplit=2)
        yield Operation(method, path, need)
