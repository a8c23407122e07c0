"""A service says what became of each message of an organisation, in the transaction in which that came about."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

import contracts
from messaging import inbox
from messaging.identity import Identity
from messaging.runtime import Delivery, Runtime
from tests.messaging.harness import Probe, service_published
from tests.messaging.probe.service import ProbeService

What = tuple[str, str | None, str | None]  # state, code, what it waits for
SAID = "select body from outbox where starts_with(routing_key, 'messages.processed.') order by position"
DUE = "update parked set next_attempt_at = '-infinity'"


class Said:
    """The probe's runtime, and what it has said of messages."""

    def __init__(self, probe: Probe, **settings: Any) -> None:
        handlers: Any = {contracts.ServicePublished: ProbeService.note_service}
        self._probe = probe
        self.runtime = Runtime("probe", probe.database_url, handlers, service="probe", **settings)

    def apply(self, *messages: contracts.Message) -> None:
        self.runtime.apply(ProbeService(), [Delivery(1, one.to_json(), redelivered=False) for one in messages])

    def retry(self) -> None:
        self._probe.query(DUE)
        self.runtime.retry(ProbeService())

    def reports(self) -> list[contracts.Message]:
        return [contracts.parse(row["body"].encode()) for row in self._probe.query(SAID)]

    def of(self, message: contracts.Message) -> list[What]:
        """What was said of each copy of one message, in the order in which it was."""
        return [
            (group.state, group.code, group.waiting_for)
            for report in self.reports()
            if report.recipient == message.source
            for group in report.data.groups
            for id in group.ids
            if id == message.id
        ]


@pytest.fixture
def said(probe: Probe) -> Iterator[Said]:
    said = Said(probe)
    yield said
    said.runtime.close()


def test_of_one_that_comes_again_in_a_batch_it_is_said_what_became_of_it_and_of_each_copy_a_word(said: Said) -> None:
    applied, refused = service_published(), service_published("refuse")
    said.apply(applied, applied, refused, applied, refused)
    assert [state for state, _, _ in said.of(applied)] == ["applied", "repeated", "repeated"]
    assert [state for state, _, _ in said.of(refused)] == ["refused", "repeated"]


def test_each_message_of_a_batch_has_one_word_and_each_organisation_one_report(said: Said) -> None:
    applied, refused = service_published(), service_published("refuse")
    missing = contracts.uuid7()
    waits, theirs = service_published(f"wait {missing}"), service_published(source="iom")

    said.apply(applied, refused, waits, applied, theirs)

    assert said.of(applied) == [("applied", None, None), ("repeated", None, None)]
    assert said.of(refused) == [("refused", "probe_refuses", None)]
    assert said.of(waits) == [("waits", "service_unknown", str(missing))]
    assert said.of(theirs) == [("applied", None, None)]
    assert [(one.data.organisation, one.recipient, one.source) for one in said.reports()] == [
        ("redcross", "redcross", "hub"),
        ("iom", "iom", "hub"),
    ]


def test_what_was_applied_is_said_before_it_is_known_again(said: Said) -> None:
    message = service_published()
    said.apply(message)
    said.apply(message)
    assert [state for state, _, _ in said.of(message)] == ["applied", "repeated"]


def test_what_waits_is_said_with_the_hour_at_which_that_ends(said: Said) -> None:
    said.apply(service_published(f"wait {contracts.uuid7()}"))
    (report,) = said.reports()
    (group,) = report.data.groups
    assert group.until - report.time <= inbox.WAITS_AT_MOST
    assert group.until - report.time > inbox.WAITS_AT_MOST / 2


def test_what_waits_and_goes_on_waiting_is_said_once_and_then_what_became_of_it(said: Said) -> None:
    about = contracts.uuid7()
    waits = service_published(f"wait {about}")
    said.apply(waits)
    for _ in range(3):
        said.retry()
    assert [state for state, _, _ in said.of(waits)] == ["waits"]

    said.apply(service_published(about=about))
    said.retry()

    assert [state for state, _, _ in said.of(waits)] == ["waits", "applied"]


def test_what_waited_in_vain_is_said_to_be_refused(said: Said, probe: Probe) -> None:
    waits = service_published(f"wait {contracts.uuid7()}")
    said.apply(waits)
    probe.query("update parked set parked_at = parked_at - %s::interval", inbox.WAITS_AT_MOST)
    said.retry()
    assert [(state, code) for state, code, _ in said.of(waits)] == [
        ("waits", "service_unknown"),
        ("refused", "service_unknown"),
    ]


def test_what_fails_waits_and_is_quarantined_in_the_end(said: Said) -> None:
    fails, beside = service_published("fail"), service_published()
    said.apply(fails, beside)
    assert said.of(beside) == [("applied", None, None)]
    for _ in range(inbox.RETRIES_AT_MOST):
        said.retry()
    assert said.of(fails) == [("waits", "failed", None), ("quarantined", "failed", None)]


def test_what_stands_behind_a_failure_waits_for_it(said: Said) -> None:
    about = contracts.uuid7()
    fails, behind = service_published("fail", about=about), service_published(about=about)
    said.apply(fails)
    said.apply(behind)
    assert said.of(behind) == [("waits", "behind_another", None)]


def test_an_id_that_is_used_again_takes_nothing_back_of_the_message_that_had_it_first(said: Said) -> None:
    first = service_published()
    said.apply(first)
    said.apply(service_published("other bytes", message_id=first.id))
    assert [state for state, _, _ in said.of(first)] == ["applied", "repeated"]


def test_nor_does_it_where_both_come_in_one_batch(said: Said) -> None:
    first = service_published()
    said.apply(first, service_published("other bytes", message_id=first.id))
    assert [state for state, _, _ in said.of(first)] == ["applied", "repeated"]


def test_of_what_the_hub_says_for_itself_nothing_is_said(said: Said) -> None:
    said.apply(service_published(source="hub"))
    assert said.reports() == []


def test_a_service_that_an_organisation_runs_says_it_to_nobody(probe: Probe) -> None:
    own = Said(probe, identity=Identity("redcross"))
    own.apply(service_published())
    own.runtime.close()
    assert own.reports() == []


def test_what_was_undone_is_not_said(said: Said, probe: Probe) -> None:
    """The report stands in the transaction that it tells of."""
    message = service_published()
    probe.query("create function stop() returns trigger language plpgsql as $$ begin raise 'no'; end $$")
    probe.query("create constraint trigger stop after insert on outbox deferrable initially deferred for each row "
                "execute function stop()")  # fmt: skip
    with pytest.raises(psycopg.Error):
        said.apply(message)
    assert said.reports() == []


@pytest.mark.parametrize("split", [1, 2, 7, 30])
def test_however_messages_are_divided_the_last_word_of_each_is_the_same(said: Said, split: int, probe: Probe) -> None:
    names = ["note", "refuse", "fail", f"wait {contracts.uuid7()}"]
    messages = [service_published(names[n % 4]) for n in range(30)]
    for start in range(0, 30, split):
        said.apply(*messages[start : start + split])
    last = [said.of(message)[-1][:2] for message in messages]
    wanted: Sequence[What] = [
        ("applied", None, None), ("refused", "probe_refuses", None), ("waits", "failed", None),
        ("waits", "service_unknown", None),
    ]  # fmt: skip
    assert last == [wanted[n % 4][:2] for n in range(30)]
