"""What arrives together is written together, and each message still has its own outcome."""

import inspect
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Message, codes, sealing, uuid7
from deploy.local import Stack
from messaging import database
from messaging.database import Row
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime
from services.intake import service as intake_service
from tests.examples import NOW, PERSON, PERSON_ID, consent_granted, need_identified, person_registered, say
from tests.examples_intake import CHILD, CHILD_ID, etpv_step_taken
from tests.services.conftest import SERVICES, Clock
from tests.services.databases import make_tables

ANOTHER_ID = uuid7()


class IntakeRuntime:
    """Intake as its process runs it, on a database of its own."""

    def __init__(self, url: str) -> None:
        self.service = intake_service.IntakeService()
        handlers = {
            method.handles: method
            for _, method in inspect.getmembers(intake_service.IntakeService, inspect.isfunction)
            if hasattr(method, "handles")
        }
        self.url = url
        self.runtime = Runtime("batches", url, handlers)

    def apply(self, *said: Any) -> list[Message[Any]]:
        """Let these messages arrive together; return what is published, of one transaction."""
        deliveries = [Delivery(tag, say(data).to_json(), redelivered=False) for tag, data in enumerate(said, 1)]
        (committed,) = self.runtime.apply(self.service, deliveries)
        return self._messages(committed)

    def retry(self) -> list[Message[Any]]:
        """Try what waits; return what is published."""
        return [message for committed in self.runtime.retry(self.service) for message in self._messages(committed)]

    def rows(self, sql: Any) -> list[Row]:
        with database.connect(self.url) as connection:
            return connection.execute(sql).fetchall()

    @staticmethod
    def _messages(committed: Committed) -> list[Message[Any]]:
        return [contracts.parse(publication.body) for publication in committed.publications]


@pytest.fixture
def intake(stack: Stack, hub_key: sealing.Key, hub_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(intake_service, "hub_key", lambda: hub_key)
    monkeypatch.setattr(intake_service, "receipt_secret", lambda: b"a secret of the tests")
    stack.drop_database("test_intake_batches")
    url = stack.create_database("test_intake_batches")
    make_tables(url, SERVICES / "intake")
    intake = IntakeRuntime(url)
    yield intake
    intake.runtime.close()
    stack.drop_database("test_intake_batches")


def test_each_message_of_a_batch_finds_what_those_before_it_have_brought(
    intake: IntakeRuntime, hub_key: sealing.Key
) -> None:
    public = sealing.public_part(hub_key)

    def registered(person_id: UUID, person: Any = PERSON, **overrides: Any) -> contracts.PersonRegistered:
        registration: contracts.PersonRegistered = person_registered(
            public, person_id=person_id, person=person, **overrides
        )
        return registration

    published = intake.apply(
        registered(PERSON_ID),
        registered(PERSON_ID),  # again: refused
        consent_granted(),
        consent_granted(),  # again: refused
        registered(CHILD_ID, CHILD),
        consent_granted(consent_id=uuid7(), person_id=CHILD_ID),  # by the child itself: refused
        consent_granted(consent_id=uuid7(), person_id=ANOTHER_ID),  # of somebody who comes later: waits
        registered(PERSON_ID, {**PERSON, "documents": []}, registered_at=NOW + timedelta(minutes=30)),
        need_identified(),
        need_identified(),  # again: refused
        etpv_step_taken(),
        etpv_step_taken(),  # again: refused
        etpv_step_taken(step_id=uuid7(), person_id=CHILD_ID, step=codes.EtpvStep.PPT_DENIED),
        etpv_step_taken(
            step_id=uuid7(), person_id=CHILD_ID, step=codes.EtpvStep.PPT_DELIVERED
        ),  # not after that: waits
    )
    said = [message.type.removesuffix(".v1") for message in published]
    assert [kind for kind in said if kind != "message.refused"] == [
        "person.profiled",
        "consent.recorded",
        "consent.receipt_issued",
        "person.profiled",
        "person.profiled",
        "need.recorded",
        "etpv.step_recorded",
        "etpv.step_recorded",
    ]
    assert [message.data.code for message in published if isinstance(message.data, contracts.MessageRefused)] == [
        "already_registered",
        "already_granted",
        "caregiver_needed",
        "already_identified",
        "already_recorded",
    ]
    assert intake.rows("select reason from parked order by reason") == [
        {"reason": "not_after_ppt_denied"},
        {"reason": "person_unknown"},
    ]
    assert intake.rows("select person_id from document") == []
    assert intake.rows("select count(*) from person")[0]["count"] == 2

    intake.apply(registered(ANOTHER_ID))
    assert [message.type for message in intake.retry()] == ["consent.recorded.v1", "consent.receipt_issued.v1"]
