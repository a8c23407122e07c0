"""A note that a party of a referral writes is sealed to the other party, or refused; what is passed on is unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import CONTRACTS, sealing
from contracts.fields import For, SealedTo
from contracts.marks import fields_within
from messaging.answers import Refused
from tests.examples import (
    ANOTHER,
    KEYS,
    RECIPIENT,
    SENDER,
    referral_requested,
    sealed_to,
    sealed_with_header,
    write_directory,
)
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import bring_to, know_the_other, prepare, state_of

PARTIES = {For.SENDER: SENDER, For.RECIPIENT: RECIPIENT}

# Where the referral stands, and what is said then; whom its note is for, its contract says.
NOTES: dict[str, tuple[str, stories.Said]] = {
    "referral.info_requested.v1": ("received", stories.info_requested),
    "referral.info_provided.v1": ("info_requested", stories.info_provided),
    "referral.scheduled.v1": ("accepted", stories.scheduled),
    "referral.service_noted.v1": ("in_service", stories.service_noted),
    "referral.completed.v1": ("in_service", stories.completed),
}


def readers() -> dict[str, str]:
    """The party that the note of each contract is for, as the contracts say it."""
    marks = {
        name: [part.whom for _, parts in fields_within(one.data) for part in parts if isinstance(part, SealedTo)]
        for name, one in CONTRACTS.items()
    }
    return {name: PARTIES[whom] for name, found in marks.items() for whom in found if whom in PARTIES}


READERS = readers()


def noted(contract: str, block: str) -> tuple[Any, str]:
    """What is said with this note, and by whom."""
    data, source = NOTES[contract][1]
    return data.model_copy(update={"sealed": block}), source


def other_than(reader: str) -> str:
    return RECIPIENT if reader == SENDER else SENDER


RETIRED = sealing.new_key()["kid"]
# What is wrong with a block, by the party that it is for.
WRONG: dict[str, Any] = {
    "sealed to the party that writes": lambda reader: sealed_to(other_than(reader)),
    "sealed to an organisation that is no party": lambda reader: sealed_to(ANOTHER),
    "sealed to the hub": lambda reader: sealed_to("hub"),
    "sealed to a key that is nobody's now": lambda reader: sealed_with_header(json.dumps({"kid": RETIRED})),
    "without a key": lambda reader: sealed_with_header('{"alg":"ECDH-ES+A256KW"}'),
    "with two keys": lambda reader: sealed_with_header(
        f'{{"kid":"{KEYS[ANOTHER]["kid"]}","kid":"{KEYS[reader]["kid"]}"}}'
    ),
    "with a key that is no text": lambda reader: sealed_with_header(json.dumps({"kid": [KEYS[reader]["kid"]]})),
    "with no header": lambda reader: sealed_with_header('{"kid":'),
}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of public keys, as the service finds it."""
    file = write_directory(tmp_path / "directory.json")
    monkeypatch.setenv("RUTA_DIRECTORY_FILE", str(file))
    return file


def test_each_note_of_a_referral_is_tried_here() -> None:
    assert NOTES.keys() == READERS.keys()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("contract", NOTES)
@pytest.mark.usefixtures("directory")
def test_a_note_that_is_not_sealed_to_the_other_party_is_refused_and_nothing_is_kept(
    referrals: ServiceUnderTest, contract: str, wrong: str
) -> None:
    bring_to(referrals, NOTES[contract][0])
    data, source = noted(contract, WRONG[wrong](READERS[contract]))
    before = referrals.rows("select * from history order by 1")

    with pytest.raises(Refused) as refused:
        referrals.hear(data, source=source)

    assert (refused.value.code, refused.value.where) == ("sealed_to_another", "data.sealed")
    assert state_of(referrals) == NOTES[contract][0]
    assert referrals.rows("select * from history order by 1") == before


@pytest.mark.parametrize("contract", NOTES)
@pytest.mark.usefixtures("directory")
def test_a_note_is_passed_on_unchanged_to_the_party_that_it_is_sealed_to_and_to_nobody_else(
    referrals: ServiceUnderTest, contract: str
) -> None:
    reader = READERS[contract]
    bring_to(referrals, NOTES[contract][0])
    data, source = noted(contract, sealed_to(reader))

    told = referrals.hear(data, source=source)

    assert {one.recipient: one.data.sealed for one in told} == {SENDER: None, RECIPIENT: None} | {reader: data.sealed}


@pytest.mark.usefixtures("directory")
def test_a_person_block_is_offered_unchanged_at_first_and_when_it_is_passed_on(referrals: ServiceUnderTest) -> None:
    first, anew = sealed_to(RECIPIENT), sealed_to(ANOTHER)
    prepare(referrals)
    told = referrals.hear(referral_requested(sealed=first), source=SENDER)
    referrals.hear(stories.received[0], source=RECIPIENT)
    know_the_other(referrals)
    told += referrals.hear(stories.redirected[0].model_copy(update={"sealed": anew}), source=RECIPIENT)

    offers = [one for one in told if isinstance(one.data, contracts.ReferralOffered)]
    assert [(one.recipient, one.data.request.sealed) for one in offers] == [(RECIPIENT, first), (ANOTHER, anew)]


def test_where_no_directory_is_named_nobody_looks_for_whom_a_note_is(
    referrals: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUTA_DIRECTORY_FILE", raising=False)
    bring_to(referrals, "received")
    data, source = noted("referral.info_requested.v1", sealed_to(ANOTHER))
    assert referrals.hear(data, source=source)


def test_a_key_that_has_changed_counts_from_the_next_message_on(referrals: ServiceUnderTest, directory: Path) -> None:
    new = {**KEYS, SENDER: sealing.new_key()}
    bring_to(referrals, "received")
    write_directory(directory, new)

    question, source = noted("referral.info_requested.v1", sealed_to(SENDER))
    with pytest.raises(Refused, match=r"^sealed_to_another$"):
        referrals.hear(question, source=source)
    question, _ = noted("referral.info_requested.v1", sealed_with_header(json.dumps({"kid": new[SENDER]["kid"]})))
    assert referrals.hear(question, source=source)
