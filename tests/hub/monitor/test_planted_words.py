"""Words planted in every field of every contract's examples, and in what is no contract, are in no table of the log.

Nor are those in what is read of the network in what is kept of it for the monitor's pages.
"""

import json
import re
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts import uuid7
from deploy.local.state import ROOT
from hub.monitor import seen
from hub.monitor.alerts import rules, settings
from hub.monitor.alerts.telling import Book
from screens import operating
from tests.hub.monitor.logging import Log

WORD = "Plantada"
ENVELOPE = ("specversion", "id", "type", "source")
# Words of the network's own, which its definitions hold down to those that are known; and what the log is for.
KEPT = re.compile(r"[0-9a-f]{8}-|^\d{4}-\d\d-\d\d")


def planted(value: Any) -> Any:
    """The same with a word in place of every text that is no id and no time."""
    if isinstance(value, dict):
        return {name: planted(part) for name, part in value.items()}
    if isinstance(value, list):
        return [planted(part) for part in value]
    if isinstance(value, str) and not KEPT.search(value):
        return f"{WORD} Pérez 3001234567"
    return value


def planted_everywhere(value: Any) -> Any:
    """The same with a word in place of every text, also of ids and times."""
    if isinstance(value, dict):
        return {name: planted_everywhere(part) for name, part in value.items()}
    if isinstance(value, list):
        return [planted_everywhere(part) for part in value]
    return f"{WORD} Pérez 3001234567" if isinstance(value, str) else value


def planted_as(word: str, value: Any) -> Any:
    """The same with a word that looks like one of the network's own: a code, or the name of a system."""
    if isinstance(value, dict):
        return {name: planted_as(word, part) for name, part in value.items()}
    if isinstance(value, list):
        return [planted_as(word, part) for part in value]
    return word if isinstance(value, str) and not KEPT.search(value) else value


def examples() -> list[Path]:
    return sorted((ROOT / "contracts" / "examples").glob("*/ok-*.json"))


def envelope(said: dict[str, Any]) -> dict[str, Any]:
    """What names a message, with an id that no other has."""
    return {name: said[name] for name in ENVELOPE if name in said} | {"id": str(uuid7())}


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
    assert len(came) > 700

    for start in range(0, len(came), 100):
        log.write_bytes(*came[start : start + 100])

    everything = log.everything()
    assert len(log.query("select id from message")) >= len(came) // 2
    for word in (WORD, WORD.lower(), "Pérez", "perez", "3001234567"):
        assert word not in everything, word


def test_what_is_no_contract_leaves_no_word(log: Log) -> None:
    said = f"{WORD} Pérez 3001234567"
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
    for word in (WORD, "Pérez", "3001234567"):
        assert word not in everything, word


def test_what_is_kept_for_pages_has_no_planted_word() -> None:
    """Pages of the monitor show what is in it, and no more (tests/hub/console/test_operating.py)."""
    at, said = datetime(2026, 11, 28, 8, 0, tzinfo=UTC), f"{WORD} Pérez 3001234567"
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
    for word in (WORD, "Pérez", "3001234567"):
        assert word not in kept
