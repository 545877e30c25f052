from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from app.protocols.oci.manifest_parsing import (
    DOCKER_IMAGE,
    DOCKER_LIST,
    OCI_IMAGE,
    OCI_INDEX,
    parse_manifest,
)
from app.protocols.oci.refusals import ManifestInvalid

TYPES = (OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
descriptors = st.fixed_dictionaries(
    {
        "mediaType": st.text(max_size=10),
        "digest": digests,
        "size": st.integers(0, 2**40),
    },
    optional={
        "annotations": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
        "urls": st.lists(st.text(max_size=5), max_size=2),
        "platform": json_values,
    },
)


def parse(body: Any, content_type: str) -> Any:
    return parse_manifest(json.dumps(body).encode(), content_type)


@given(st.binary(max_size=200), st.sampled_from((*TYPES, "", "x/y")))
@example(b"", OCI_IMAGE)
@example(b"\xff\xfe", OCI_IMAGE)
@example(b'{"schemaVersion": 2, "mediaType": "\\ud800"}', "")
def test_arbitrary_bytes_are_read_or_refused(content: bytes, content_type: str) -> None:
    try:
        found = parse_manifest(content, content_type)
    except ManifestInvalid:
        return
    assert found.media_type in TYPES


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "schemaVersion": st.sampled_from([2, 1, "2"]) | json_values,
            "mediaType": st.sampled_from(TYPES) | json_values,
            "config": descriptors | json_values,
            "layers": st.lists(descriptors | json_values, max_size=2) | json_values,
            "manifests": st.lists(descriptors | json_values, max_size=2) | json_values,
            "subject": descriptors | json_values,
            "annotations": json_values,
            "artifactType": json_values,
        },
    ),
    st.sampled_from((*TYPES, "")),
)
def test_arbitrary_members_are_read_or_refused(body: dict[str, Any], content_type: str) -> None:
    try:
        found = parse(body, content_type)
    except ManifestInvalid:
        return
    assert body["schemaVersion"] == 2
    assert ("layers" in body) != ("manifests" in body)
    assert found.media_type in {content_type, body.get("mediaType"), OCI_IMAGE, OCI_INDEX}


@given(
    descriptors,
    st.lists(descriptors, max_size=3),
    st.none() | descriptors,
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
def test_an_image_names_its_config_and_layers(
    config: dict[str, Any],
    layers: list[dict[str, Any]],
    subject: dict[str, Any] | None,
    annotations: dict[str, str],
) -> None:
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": config,
        "layers": layers,
        "annotations": annotations,
        **({} if subject is None else {"subject": subject}),
    }
    found = parse(body, OCI_IMAGE)
    assert [str(one.digest) for one in found.blobs] == [one["digest"] for one in (config, *layers)]
    assert [one.size_bytes for one in found.blobs] == [one["size"] for one in (config, *layers)]
    assert found.subject == (None if subject is None else subject["digest"])
    assert found.artifact_type == config["mediaType"]
    assert found.annotations == annotations


@given(st.lists(descriptors, max_size=3), st.text(max_size=10))
def test_an_index_names_its_children_and_has_the_type_that_it_says(
    children: list[dict[str, Any]], artifact_type: str
) -> None:
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": children,
        "artifactType": artifact_type,
    }
    found = parse(body, "")
    assert [str(one.digest) for one in found.children] == [one["digest"] for one in children]
    assert (found.blobs, found.artifact_type) == ((), artifact_type)
