"""Custody seals what it opens to another organisation, once that is in the audit; and shows it to nobody."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts import sealing
from contracts.codes import OrganisationStatus
from messaging.topology import Organisation
from tests.hub.console.custody.boxes import ANA, PLANTED, WITHOUT_KEY, Console


def seal_anew(console: Console, block: UUID, recipient: str = "fuvadis", **asked: Any) -> dict[str, Any]:
    said = {"organisation": "redcross", "block": str(block), "recipient": recipient, **asked}
    return console.ask(do="seal_anew", **said)


def test_the_other_opens_what_whoever_looked_was_shown(console: Console) -> None:
    block = console.offer(person=ANA | {"a_field_of_tomorrow": "Wurzelbaum"}, person_id=uuid4())
    (opened,) = console.open(block)
    said = seal_anew(console, block)
    assert said.keys() == {"sealed"}
    assert sealing.open_sealed(said["sealed"], console.others["fuvadis"]) == opened["content"] == ANA
    with pytest.raises(sealing.SealingError):
        sealing.open_sealed(said["sealed"], console.private["redcross"])
    entry = console.entries()[-1]
    assert (entry["actor"], entry["act"], entry["subject"]) == ("staff:rc-07", "sealed_anew", "redcross")
    assert (entry["details"]["blocks"], entry["details"]["recipient"]) == ([str(block)], "fuvadis")
    assert entry["details"]["people"] == console.entries()[0]["details"]["people"]
    everything = console.everything()
    assert [one for one in PLANTED if one in everything] == []


def test_what_is_not_theirs_and_what_is_no_person_is_not_sealed_to_anybody(console: Console) -> None:
    console.offer(referral_id=(id := uuid4()))
    for block in (console.offer("iom"), console.note(referral_id=id), uuid4(), console.offer(case_code="GBV-0001")):
        assert seal_anew(console, block) == {"code": "unknown"}
    assert console.acts() == ["open_refused"] * 4


def test_to_who_takes_no_part_or_has_no_key_nothing_is_sealed_nor_opened(console: Console) -> None:
    block = console.offer()
    console.organisations["americares"] = Organisation(
        "americares", "americares", (), status=OrganisationStatus.SUSPENDED
    )
    codes = {"americares": "no_recipient", "nobody": "no_recipient", WITHOUT_KEY: "no_recipient_key"}
    for recipient, code in codes.items():
        assert seal_anew(console, block, recipient) == {"code": code}
    console.directory.unlink()
    assert seal_anew(console, block) == {"code": "no_recipient_key"}
    assert console.acts() == []


def test_without_an_entry_in_the_audit_nothing_is_sealed(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    block = console.offer()
    (console.audit_folder / "private.pem").unlink()
    monkeypatch.delattr("hub.console.custody.desk.open_block")  # nor opened
    assert seal_anew(console, block) == {"code": "not_recorded"}


def test_a_block_that_cannot_be_opened_is_not_sealed(console: Console) -> None:
    block = console.offer(person={"phone": "Wurzelbaum"})
    assert seal_anew(console, block) == {"code": "cannot_open"}
