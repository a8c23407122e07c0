"""Nothing that a document says is lost without a word: it is read, named as dropped, or refused."""

import copy
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.tools.directory.test_exporting import EVERYTHING, exported
from tests.tools.directory.test_importing import TERMS, official
from tools.directory.contents import NotAServiceError, contents_of
from tools.directory.importing import from_hsds
from tools.directory.record import LINKS

TODAY = date(2026, 11, 27)
Path = tuple[str | int, ...]

# What says nothing of the service: a term's own words, the order of weeks where all count, what a code says once more.
SAYS_NOTHING = {
    "taxonomy_term": {"name", "description", "term_uri", "language", "parent_id", "taxonomy_id"},
    "schedules": {"wkst"},
    "languages": {"name"},
    "organization": {"name"},
}


def ours() -> Any:
    """What the network itself exports, with every field of its own."""
    return json.loads(json.dumps(exported(EVERYTHING)))


def theirs() -> Any:
    """The official example, which has every field of HSDS, with hours, an address and coordinates that can be read."""
    document = official()
    (at,) = document["service_at_locations"]
    document["schedules"][0] = {
        **{name: document["schedules"][0][name] for name in ("id", "freq", "byday", "opens_at", "closes_at", "notes")},
        "dtstart": "2005-01-01",
        "wkst": "TU",
        "timezone": -5,
        "interval": 1,
    }
    at["location"]["addresses"][0]["address_type"] = "physical"
    at["location"] |= {"latitude": 10.98, "longitude": -74.78}
    return document


DOCUMENTS = {"ours": ours(), "theirs": theirs()}


def objects(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where an object lies in a document."""
    if isinstance(value, dict):
        yield path
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(one, (*path, key))


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    if not isinstance(value, dict | list):
        yield path
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(one, (*path, key))


def at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


def written(path: Path) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def is_named(path: Path, dropped: tuple[str, ...]) -> bool:
    """Whether a field, or something that it lies in, is named."""
    named = {
        name.strip() for one in dropped for name in one.partition(":")[0].removesuffix(" (confidential)").split(",")
    }
    return any(written(path[: length + 1]) in named for length in range(len(path)))


def read(document: Any) -> Any:
    """What comes of a document: the service and what is dropped; None where it is refused."""
    try:
        return from_hsds(document, terms=TERMS, zone="08001", organisation="americares", today=TODAY)
    except NotAServiceError:
        return None


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("value", ["a text", 7, False, {"more": ["of", {"it": 1}]}, [{"id": 1}]], ids=str)
def test_a_field_that_nobody_knows_is_named_wherever_it_stands(name: str, value: Any) -> None:
    for path in objects(DOCUMENTS[name]):
        document = copy.deepcopy(DOCUMENTS[name])
        at(document, path)["another_field"] = value
        imported = read(document)
        assert imported is not None, path
        assert is_named((*path, "another_field"), imported.dropped), path


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("value", ["something else", 3.5, True, ["a list"], {"an": "object"}], ids=str)
def test_a_value_that_is_changed_changes_what_is_read_or_is_named(name: str, value: Any) -> None:
    before = read(DOCUMENTS[name]).service
    for path in leaves(DOCUMENTS[name]):
        document = copy.deepcopy(DOCUMENTS[name])
        at(document, path[:-1])[path[-1]] = value
        *_, inside, field = ["", *(one for one in path if isinstance(one, str))]
        if not isinstance(value, dict | list) and (field in LINKS or field in SAYS_NOTHING.get(inside, ())):
            continue
        imported = read(document)
        assert imported is None or imported.service != before or is_named(path, imported.dropped), path


@pytest.mark.parametrize("value", ["a text", 7, {"more": 1}, [1]], ids=str)
@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"services": []}, ()),
        ({"contents": []}, ()),
        ([{"services": []}], (0,)),
        ({"contents": [{"services": []}]}, ("contents", 0)),
        ({"services": [], "organization_identifiers": [{"identifier_type": "ruta"}]}, ("organization_identifiers", 0)),
    ],
    ids=str,
)
def test_a_field_of_what_is_around_the_services_is_named(document: Any, path: Path, value: Any) -> None:
    document = copy.deepcopy(document)
    at(document, path)["another_field"] = value
    dropped = contents_of(document, organisation="iom").dropped
    assert [one for one in dropped if one.endswith("another_field")]


def test_no_name_of_a_field_that_is_none_is_repeated() -> None:
    document = {**DOCUMENTS["ours"], "Marta Gómez, 300 555 0100": "lives here"}
    assert "(a field of another name)" in read(document).dropped
