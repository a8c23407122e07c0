"""Whoever floods a service fills what one sender may have parked there, and no more; each message has its answer."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import pytest

import contracts
from deploy.local import problems, status
from messaging import inbox
from messaging.runtime import Delivery, Runtime
from tests.messaging.harness import Probe, service_published
from tests.messaging.probe.service import ProbeService

KB = 1024


def of_size(message: contracts.Message, size: int) -> bytes:
    """The message with a field that nobody reads, so that it has so many bytes."""
    said = json.loads(message.to_json())
    said["data"]["padding"] = ""
    said["data"]["padding"] = "x" * (size - len(json.dumps(said)))
    return json.dumps(said).encode()


class Flood:
    """The runtime of the probe, and what it has answered."""

    def __init__(self, runtime: Runtime, probe: Probe) -> None:
        self._runtime = runtime
        self.probe = probe
        self.answers: list[Any] = []

    def send(self, *bodies: bytes) -> None:
        """Let the service take what has come, in batches as it would."""
        for first in range(0, len(bodies), 50):
            batch = [Delivery(tag, one, redelivered=False) for tag, one in enumerate(bodies[first : first + 50], 1)]
            for committed in self._runtime.apply(ProbeService(), batch):
                self.answers += [contracts.parse(one.body) for one in committed.publications]

    @property
    def codes(self) -> Counter[str]:
        refusals = (one.data for one in self.answers if isinstance(one.data, contracts.MessageRefused))
        return Counter(one.code for one in refusals)

    def refused(self) -> set[UUID | None]:
        return {one.data.refused_id for one in self.answers if isinstance(one.data, contracts.MessageRefused)}

    def parked(self, source: str = "redcross") -> tuple[int, int]:
        """How many messages of a sender are parked, and their bytes."""
        sql = "select count(*) as messages, coalesce(sum(octet_length(raw)), 0) as bytes from parked where source = %s"
        (row,) = self.probe.query(sql, source)
        return row["messages"], int(row["bytes"])


@pytest.fixture
def flood(runtime: Runtime, probe: Probe) -> Flood:
    return Flood(runtime, probe)


def bodies(name: str, many: int, *, source: str = "redcross", size: int = 2 * KB) -> Iterable[bytes]:
    return (of_size(service_published(name.format(contracts.uuid7()), source=source), size) for _ in range(many))


def test_of_one_id_with_three_hundred_bodies_the_bytes_are_kept_once_and_each_is_refused(flood: Flood) -> None:
    first = service_published()
    others = [of_size(service_published(str(n), message_id=first.id), 240 * KB) for n in range(300)]

    flood.send(first.to_json(), *others)

    assert flood.codes == {"id_reused": 300}
    assert flood.parked() == (1, len(others[0]))


KINDS = ["wait {}", "fail", "id used again"]


def of_kind(kind: str, many: int, **how: Any) -> list[bytes]:
    if kind != "id used again":
        return list(bodies(kind, many, **how))
    twice = [UUID(json.loads(one)["id"]) for one in bodies("note", many)]
    said = [of_size(service_published(name, message_id=one), 2 * KB) for one in twice for name in ("note", "another")]
    return sorted(said, key=lambda one: b'"another"' in one)


BEYOND = {"wait {}": "too_many_early", "fail": "too_much_parked", "id used again": "id_reused"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bound", ["messages", "bytes"])
def test_a_flood_of_any_kind_is_parked_up_to_the_bound_and_then_refused(
    flood: Flood, monkeypatch: pytest.MonkeyPatch, kind: str, bound: str
) -> None:
    for name, most in {"messages": 20, "bytes": 20 * 2 * KB}.items():
        if name == bound:
            names = ("OUT_OF_ORDER_{}", "PARKED_{}")
            for one in names:
                part = one.format("" if bound == "messages" else "BYTES_") + "OF_ONE_SENDER"
                monkeypatch.setattr(inbox, part, most)

    flood.send(*of_kind(kind, 30))

    messages, size = flood.parked()
    assert (messages, size) == (20, 20 * 2 * KB)
    assert flood.codes == {BEYOND[kind]: 30 if kind == "id used again" else 10}


def test_a_flood_takes_no_room_from_anybody_else_nor_from_what_can_be_applied(
    flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "PARKED_OF_ONE_SENDER", 5)
    flood.send(*bodies("wait {}", 10))

    others, possible = service_published(f"wait {contracts.uuid7()}", source="iom"), service_published()
    flood.send(others.to_json(), possible.to_json())

    assert flood.parked("iom")[0] == 1
    assert possible.id not in flood.refused()
    assert flood.codes == {"too_much_parked": 5}


def test_what_waits_for_the_clocks_is_bounded_as_well(flood: Flood, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PARKED_OF_ONE_SENDER", 5)
    flood.probe.query(
        "insert into parked (state, reason, source, message_id, subject, raw, next_attempt_at) "
        "select 'waiting', 'clocks_apart', 'redcross', gen_random_uuid(), 'x', '', 'infinity' "
        "from generate_series(1, 5)"
    )
    flood.send(*bodies("fail", 2))
    assert flood.codes == {"too_much_parked": 2}


def test_whoever_has_half_of_the_room_or_more_is_named_to_operators(
    flood: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = inbox.PARKED_OF_ONE_SENDER // 2
    fill = (
        "insert into parked (state, reason, source, message_id, subject, raw) "
        "select 'quarantined', 'failed', %s, gen_random_uuid(), 'x', int4send(n) from generate_series(1, %s) as n"
    )
    flood.probe.query(fill, "redcross", half + 1)
    flood.probe.query(fill.replace("int4send(n)", "int8send(n)"), "iom", half)

    said = status.read_service(flood.probe.database_url)

    assert [one["source"] for one in said["crowded"]] == ["redcross"]
    (found,) = problems._crowded({"services": {"probe": said, "away": None}})
    assert found.text.startswith("Of redcross, 25,001 messages (0 MB) are parked in probe")
    assert found.first == "./ruta failures --service probe"
