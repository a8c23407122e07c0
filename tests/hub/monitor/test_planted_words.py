"""Words planted in every field of every contract's examples, and in what is no contract, are in no table of the log.

Nor are those in what is read of the network in what is kept of it for the monitor's pages.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import CONTRACTS, read_block, uuid7
from contracts.blocks import BLOCKS
from contracts.marks import fields_within
from hub.monitor import seen
from hub.monitor.alerts import rules, settings
from hub.monitor.alerts.telling import Book
from screens import operating
from tests.hub.monitor.logging import Log
from tests.hub.monitor.planting import (
    ENVELOPE,
    FOUND_AS,
    SAID,
    WORD,
    believable,
    examples,
    paths,
    planted,
    planted_as,
    planted_everywhere,
    somebody,
    whole,
    whole_messages,
)


def envelope(said: dict[str, Any]) -> dict[str, Any]:
    """What names a message, with an id that no other has."""
    return {name: said[name] for name in ENVELOPE if name in said} | {"id": str(uuid7())}


@pytest.mark.parametrize("type", CONTRACTS)
def test_words_are_planted_in_every_field_of_every_contract(type: str) -> None:
    """In that of a field that is new, too, without anybody thinking of it."""
    message = dict(whole_messages())[type]
    assert set(paths(message)) == {path for path, _ in fields_within(CONTRACTS[type].message)}
    assert _words_of(message) == {SAID, type}


@pytest.mark.parametrize("block", BLOCKS)
def test_words_are_planted_in_every_field_of_what_is_sealed(block: str) -> None:
    planted_in = whole(BLOCKS[block])
    assert set(paths(planted_in)) == {path for path, _ in fields_within(BLOCKS[block])}
    assert _words_of(planted_in) == {SAID}


def test_somebody_can_be_read_and_has_everything_that_a_person_may_have() -> None:
    read_block(BLOCKS["person"], somebody())
    assert set(paths(somebody())) == {path for path, _ in fields_within(BLOCKS["person"])}
    assert json.dumps(somebody(), ensure_ascii=False).count(WORD) >= 7


def _words_of(value: Any) -> set[str]:
    """All texts in it; a value that is none as it is written."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return {word for part in parts for word in _words_of(part)}
    return {str(value)}


def test_no_table_has_a_planted_word(log: Log) -> None:
    """Of every contract, also of those that the hub alone says: whatever a routing key, a header or a field is."""
    came: list[tuple[str, bytes]] = []

    def comes(key: str, message: dict[str, Any]) -> None:
        came.append((key, json.dumps(message).encode()))

    for file in examples():
        said = json.loads(file.read_text())
        type, by_partner = said["type"], {"source": "americares"}
        comes(f"to.iom.{type}", planted(said) | envelope(said))
        comes(f"to.{WORD}.x", planted(said))
        comes(type, planted_everywhere(said) | envelope(said))
        comes(f"{type}.{WORD}", planted_everywhere(said))
        # What an organisation, or a service that it runs itself, may put where a word of the network's is expected.
        for word in ("plantada_perez", "plantada-perez", "plantada.perez"):
            more = dict.fromkeys(("recipientsystem", "staff", "recipient", "datacontenttype"), word)
            comes(type, planted_as(word, said) | more | envelope(said) | by_partner)
        comes(type, believable(said, SAID, frozenset()) | {"staff": "Plantada-Perez"} | envelope(said) | by_partner)
    for type, everything_said in whole_messages():
        for source in ("hub", "americares"):
            comes(type, everything_said)
            comes(type, everything_said | {"specversion": "1.0", "id": str(uuid7()), "source": source})
    assert len(came) > 1500

    for start in range(0, len(came), 100):
        log.write_bytes(*came[start : start + 100])

    everything = log.everything()
    assert len(log.query("select id from message")) >= len(came) // 2
    for word in FOUND_AS:
        assert word not in everything, word


def test_what_is_no_contract_leaves_no_word(log: Log) -> None:
    said = SAID
    parts: list[Any] = [
        said,
        [said],
        {said: said},
        {"person_id": said, "code": said, "groups": [said, {"ids": [said]}]},
    ]
    of_hub = {"source": "hub", "data": {"code": said, "refused_by": said, "service": said, "refused_type": said}}
    bodies = [
        b"", b"{", b"[]", b"null", said.encode(), json.dumps(said).encode(), json.dumps([said]).encode(),
        *(json.dumps({name: part}).encode() for name in (*ENVELOPE, "data", "subject", "traceparent", "time", said)
          for part in parts),
        *(json.dumps(of_hub | {"type": type}).encode() for type in ("message.refused.v1", "messages.processed.v1")),
    ]  # fmt: skip
    log.write_bytes(*((key, body) for body in bodies for key in (said, "", "to", f"to.{said}", "x" * 300)))
    everything = log.everything()
    for word in FOUND_AS:
        assert word not in everything, word


def test_what_is_kept_for_pages_has_no_planted_word() -> None:
    """Pages of the monitor show what is in it, and no more (tests/hub/console/test_operating.py)."""
    at, said = datetime(2026, 11, 28, 8, 0, tzinfo=UTC), SAID
    now = operating.network_behind(at)
    for process in now["processes"]:
        process |= {"log": said, "health": said, "last_words": said, "clocks": {said: 1.0}, "counts": {said: 1}}
        process |= {"problems": [{"what": said, "code": said, "error": said, "since": said}]}
    for service in filter(None, now["services"].values()):
        service |= {"crowded": [{"source": said, "messages": 1, "mb": 1.0}], "inbox": said}
        service["counts"] = [row | {"process": said} for row in service["counts"]]
        service["waits"] = [
            row | dict.fromkeys(("source", "message_id", "waiting_for"), said) for row in service["waits"]
        ]
    now["probes"]["audit"] = {"right": True, "text": said}
    now |= {"http_url": said, "disks": [{"path": said}], "differences": {"lines": [said]}, "broker": [{"name": said}]}

    known = settings.read()
    kept = json.dumps(asdict(seen.of(now, rules.find(now, known, at), Book(), known, at, None)), ensure_ascii=False)

    assert "consent_unknown" in kept
    for word in FOUND_AS:
        assert word not in kept
