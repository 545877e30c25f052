"""Namespaces: the prefixes of names that one organization decides about at the platform scope.

An organization's slug is its namespace where a format has one at the front of each name;
``settings.namespaces`` claims more. One unique index makes sure that each has one holder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bson import ObjectId
from mongoengine import NotUniqueError

from app.errors import Conflict, UnprocessableInput
from app.models import NamespaceClaim, Package
from app.models.rows import rows_of
from app.registry.names import namespace_tag

Namespace = tuple[str, str]  # protocol, namespace

_OF_SLUG = ("npm", "composer", "oci")  # scope, vendor, first segment

# What may be claimed beside the slug, and how the names below it begin.
_FORMS = {
    "npm": re.compile("[a-z0-9][a-z0-9._-]{0,212}"),
    "maven": re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"),
    "composer": re.compile("[a-z0-9]+(?:[_.-]?[a-z0-9]+)*"),
}
_BEGINNINGS = {"npm": ("@{}/",), "maven": ("{}:", "{}."), "composer": ("{}/",)}


def of_slug(slug: str) -> frozenset[Namespace]:
    """Return what an organization with this slug holds without claiming it."""
    return frozenset((protocol, slug) for protocol in _OF_SLUG)


def of_settings(namespaces: Mapping[str, Iterable[str]]) -> frozenset[Namespace]:
    """Return what an organization claims.

    Raises:
        UnprocessableInput: something that no namespace can be.
    """
    problems = {}
    for protocol, claimed in namespaces.items():
        form = _FORMS.get(protocol)
        if form is None:
            problems[f"/settings/namespaces/{protocol}"] = f"Only {', '.join(_FORMS)}."
            continue
        for place, namespace in enumerate(claimed):
            if not form.fullmatch(namespace):
                problems[f"/settings/namespaces/{protocol}/{place}"] = (
                    f"Not a namespace of {protocol}."
                )
    if problems:
        raise UnprocessableInput("Some namespaces are not acceptable.", problems)
    return frozenset(
        (protocol, namespace) for protocol, claimed in namespaces.items() for namespace in claimed
    )


def tags_of(namespaces: Iterable[Namespace]) -> frozenset[str]:
    """Return what memory answers about these namespaces' holders depend on."""
    return frozenset(namespace_tag(*one) for one in namespaces)


def claim(organization_id: ObjectId, namespaces: Iterable[Namespace]) -> None:
    """Take namespaces for an organization, within a transaction; its own stay its own.

    Raises:
        Conflict: another organization holds one, or held it before it was deleted.
    """
    for protocol, namespace in sorted(namespaces):
        key = {"protocol": protocol, "namespace": namespace}
        held = rows_of(NamespaceClaim).find_one(key)
        if held is None:
            try:
                NamespaceClaim(**key, organization=organization_id).save(force_insert=True)
            except NotUniqueError as error:
                raise _taken(protocol, namespace) from error
        elif held["organization"] != organization_id:
            raise _taken(protocol, namespace)


def release(organization_id: ObjectId, namespaces: Iterable[Namespace]) -> None:
    """Give namespaces up, within a transaction.

    Raises:
        Conflict: a package was published below one: nobody else may ever publish there.
    """
    for protocol, namespace in sorted(namespaces):
        beginnings = "|".join(re.escape(one.format(namespace)) for one in _BEGINNINGS[protocol])
        package = rows_of(Package).find_one(
            {
                "protocol": protocol,
                "organization": organization_id,
                "name": {"$regex": f"^(?:{beginnings})"},
            },
            {"display_name": 1},
        )
        if package is not None:
            raise Conflict(
                f"The {protocol} namespace {namespace} cannot be given up: the name "
                f"{package['display_name']} below it was used, and stays this organization's."
            )
        NamespaceClaim.objects(
            protocol=protocol, namespace=namespace, organization=organization_id
        ).delete()


def _taken(protocol: str, namespace: str) -> Conflict:
    return Conflict(
        f"The {protocol} namespace {namespace} belongs to another organization. "
        "Choose another name, or ask a platform administrator."
    )
