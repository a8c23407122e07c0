"""What we write has what the guides ask for, and every reason has words for it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts.codes import ReferralState as State
from tests.tools.formats.test_fhir import OFFERS, REQUESTS, STATUSES, STEPS, name, read, status_of
from tools.formats import fhir, fhir_codes, reasons

Json = dict[str, Any]
PROFILES = tomllib.loads((Path(fhir.__file__).parent / "fhir_profiles.toml").read_text())["profile"]


def there(resource: Json, element: str) -> list[Any]:
    """The values of an element, or what says why there is none; `x[x]` is any of its types."""
    stem = element.removesuffix("[x]")
    found = [
        value
        for key, value in resource.items()
        if (plain := key.removeprefix("_")) == element or (stem != element and plain.startswith(stem))
    ]
    return [one for value in found for one in (value if isinstance(value, list) else [value])]


def lacking(resource: Json) -> Iterator[str]:
    """What each guide asks for and a resource has not."""
    for profile in PROFILES:
        if profile["resource"] != resource["resourceType"]:
            continue
        said = f"{profile['guide']}: {profile['resource']}"
        yield from (f"{said}.{element}" for element in profile["required"] if not there(resource, element))
        for path in profile["required_within"]:
            outer, _, inner = path.partition(".")
            yield from (f"{said}.{path}" for one in there(resource, outer) if not there(one, inner))


def written() -> Iterator[tuple[str, Json]]:
    """Every resource that comes of the examples, with and without their envelopes, and of every state."""
    for path in (*REQUESTS, *OFFERS):
        message = read(path)
        for envelope in ({}, {"sender": message.source, "asked_at": message.time}):
            bundle = fhir.referral_to_fhir(message.data, **envelope)
            yield from ((name(path), entry["resource"]) for entry in bundle["entry"])
    for path in STATUSES:
        yield name(path), fhir.status_to_fhir(read(path).data)
    for state in State:
        yield state, fhir.status_to_fhir(status_of(state))
    for path in STEPS:
        message = read(path)
        yield name(path), fhir.step_to_fhir(message.data)
        yield name(path), fhir.step_to_fhir(message.data, said_by=message.source, said_at=message.time)


def test_whatever_we_write_has_what_the_guides_ask_for() -> None:
    assert {(path, fault) for path, resource in written() for fault in lacking(resource)} == set()


@pytest.mark.parametrize(
    ("resource", "element"),
    sorted({(one["resource"], element.partition(".")[0]) for one in PROFILES for element in one["required"]}),
)
def test_a_resource_without_one_of_them_would_be_noticed(resource: str, element: str) -> None:
    whole = next(one for _, one in written() if one["resourceType"] == resource)
    stem = element.removesuffix("[x]")
    assert list(lacking({key: value for key, value in whole.items() if not key.lstrip("_").startswith(stem)}))


def test_every_list_names_its_guide_its_version_and_its_licence() -> None:
    assert {(one["guide"].split()[0], one["resource"]) for one in PROFILES} == {
        (guide, resource) for guide in ("SDOH", "Bidirectional") for resource in ("ServiceRequest", "Task")
    }
    assert all(one["version"] and one["licence"] == "CC0-1.0" for one in PROFILES)


def test_what_is_ended_or_on_hold_says_why_in_words() -> None:
    for state in State:
        task = fhir.status_to_fhir(status_of(state))
        if task["status"] in ("rejected", "cancelled", "on-hold", "failed"):
            assert task["statusReason"]["text"]


def test_who_takes_a_step_is_the_party_that_the_guide_asks_for() -> None:
    for path in STEPS:
        message = read(path)
        task = fhir.step_to_fhir(message.data, said_by="fuvadis")
        said = {
            party for party in ("requester", "owner") if task[party].get("identifier", {}).get("value") == "fuvadis"
        }
        if isinstance(message.data, contracts.ReferralReopened):  # a coordinator's
            assert said == set()
        else:
            assert said == {"requester" if type(message.data) in fhir_codes.SAID_BY_SENDER else "owner"}


def test_every_field_that_says_why_has_words_for_each_of_its_codes() -> None:
    assert set(reasons.LISTS) == {*fhir_codes.REASONS, "outcome"}
    for field, named in reasons.LISTS.items():
        said = [reasons.in_words({field: code}, "") for code in named]
        assert all(words and words[0].isupper() for words in said)
        assert len({*said}) == len(named)
