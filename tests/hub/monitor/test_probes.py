"""What alerts are judged from is read from the very tables of the services."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from deploy.local import Stack
from hub.monitor import probes
from messaging import database
from messaging.database import Connection
from messaging.topology import GATEWAY

NOW = datetime.now(UTC)


@pytest.fixture
def gateway(databases: Stack) -> Iterator[Connection]:
    """The gateway's database; what a test writes is gone after it."""
    with closing(database.connect(databases.service_database_url(GATEWAY))) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def referrals(databases: Stack) -> Iterator[Connection]:
    """The database of referrals, likewise."""
    with closing(database.connect(databases.service_database_url("referrals"))) as connection:
        yield connection
        connection.rollback()


def says(connection: Connection, organisation: str, service: str, *, ago: timedelta) -> None:
    connection.execute(
        """
        insert into outcome (organisation, message_id, service, type, state, first_at, changed_at, written_at)
        values (%s, %s, %s, 'org.ruta.need.identified.v1', 'applied', now(), now(), %s)
        """,
        (organisation, uuid4(), service, NOW - ago),
    )


def test_who_was_heard_is_known_and_kept_when_nothing_new_comes(gateway: Connection) -> None:
    gateway.execute("delete from outcome")  # until the end of this test: others have used this database
    says(gateway, "redcross", "intake", ago=timedelta(hours=2))
    says(gateway, "redcross", "referrals", ago=timedelta(hours=1))
    first = probes.organisations(gateway, None)
    again = probes.organisations(gateway, first)

    assert again == first
    heard = first["redcross"]["heard"]
    assert heard is not None
    assert datetime.fromisoformat(heard) == NOW - timedelta(hours=1)
    says(gateway, "redcross", "intake", ago=timedelta(minutes=5))
    # Another has used its key, which is known by the day: just behind midnight that is later than what was said before.
    first["iom"] = {"heard": (NOW - timedelta(minutes=1)).isoformat(), "since": NOW.isoformat()}
    assert probes.organisations(gateway, first)["redcross"]["heard"] == (NOW - timedelta(minutes=5)).isoformat()


def test_who_was_never_heard_takes_part_since_a_time_and_who_is_suspended_is_not_asked(gateway: Connection) -> None:
    gateway.execute("delete from outcome")
    gateway.execute("update api_key set last_used_on = null")
    gateway.execute("update organisation set status = 'suspended' where id = 'iom'")
    known = probes.organisations(gateway, None)
    assert known["redcross"]["heard"] is None
    assert datetime.fromisoformat(str(known["redcross"]["since"])).tzinfo is not None
    assert "iom" not in known


def test_a_service_that_an_organisation_runs_is_named_and_when_it_was_last_heard(gateway: Connection) -> None:
    gateway.execute("delete from outcome")
    says(gateway, "redcross", "americares.events", ago=timedelta(hours=3))
    assert probes.own_services(gateway, None) == {
        "americares.events": {"organisation": "americares", "seen": (NOW - timedelta(hours=3)).isoformat()},
        "oportunidades.employment": {"organisation": "oportunidades", "seen": None},
    }


def deliver(
    connection: Connection, address: str, number: int, *, ago: timedelta, read: bool, copy: bool = False
) -> None:
    connection.execute(
        """
        insert into delivery (
            organisation, number, address, message_id, type, subject, delivered_at, acknowledged_at, copy
        ) values (%s, %s, %s, %s, 'org.ruta.referral.offered.v1', 'referral', %s, %s, %s)
        """,
        (address.partition(".")[0], number, address, uuid4(), NOW - ago, NOW if read else None, copy),
    )


def test_of_each_inbox_that_is_read_by_http_the_oldest_unread_is_told(gateway: Connection) -> None:
    for table in ("delivery", "http_reader", "system_reader"):
        gateway.execute(f"delete from {table}")
    gateway.execute("insert into http_reader (organisation) values ('redcross'), ('iom')")
    gateway.execute("insert into system_reader (address) values ('iom.console')")
    hours = timedelta(hours=1)
    deliver(gateway, "redcross", 1, ago=9 * hours, read=True)
    deliver(gateway, "redcross", 2, ago=5 * hours, read=False)
    deliver(gateway, "redcross", 3, ago=2 * hours, read=False)
    deliver(gateway, "iom.console", 1, ago=3 * hours, read=False, copy=True)
    deliver(gateway, "drc", 1, ago=50 * hours, read=False)  # it reads by AMQP
    assert probes.unacknowledged(gateway, None) == {
        "redcross": {"organisation": "redcross", "since": (NOW - 5 * hours).isoformat()},
        "iom.console": {"organisation": "iom", "since": (NOW - 3 * hours).isoformat()},
    }


def refer(
    connection: Connection,
    *,
    due: timedelta,
    urgency: str = "normal",
    state: str = "sent",
    case_code: str | None = None,
    unpurged: Sequence[str] = (),
) -> UUID:
    id = uuid4()
    values: dict[str, Any] = {
        "id": id,
        "due": datetime.now(UTC) + due,  # as the database has it: this file may have been read long ago
        "urgency": urgency,
        "state": state,
        "case_code": case_code,
        "unpurged": [*unpurged],
    }
    connection.execute(
        """
        insert into referral (
            referral_id, sender, sent_by, recipient, service_id, person_id, case_code, need_code, urgency, request,
            sent_at, answer_by, state, sequence, deadline_length, deadline_at, deadline_stage, due_at, unpurged
        ) values (
            %(id)s, 'redcross', 'redcross', 'iom', %(id)s,
            case when %(case_code)s::text is null then %(id)s::uuid end, %(case_code)s, 'shelter', %(urgency)s, '{}',
            now(), now(), %(state)s, 1, '1 day', %(due)s, 0, %(due)s, %(unpurged)s
        )
        """,
        values,
    )
    return id


NONE_DUE: Final = "update referral set due_at = null, deadline_length = null, deadline_at = null, deadline_stage = null"


def test_a_step_that_was_due_and_has_not_happened_is_counted_and_one_on_its_way_is_not(referrals: Connection) -> None:
    referrals.execute(NONE_DUE)
    assert probes.referrals(referrals, None) == {
        "overdue": 0, "since": None, "overdue_emergencies": 0, "organisations": [], "emergencies": 0,
    }  # fmt: skip
    refer(referrals, due=timedelta(hours=5), urgency="emergency")
    refer(referrals, due=timedelta(seconds=-20), urgency="emergency")
    refer(referrals, due=timedelta(hours=-2), urgency="emergency")
    refer(referrals, due=timedelta(hours=-3), urgency="normal")
    refer(referrals, due=timedelta(hours=5), urgency="emergency", state="completed")
    since = referrals.execute("select min(due_at) as since from referral").fetchall()[0]["since"]
    assert probes.referrals(referrals, None) == {
        "overdue": 2, "since": since.isoformat(), "overdue_emergencies": 1, "organisations": ["redcross"],
        "emergencies": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stands", "who"),
    [
        ({"state": "received"}, "redcross"),
        ({"state": "cancel_requested"}, "redcross"),
        ({"state": "info_requested"}, "iom"),  # it has asked its sender
        ({"state": "completed"}, "iom"),  # its sender closes it
        ({"state": "completed", "unpurged": ["iom"]}, "redcross"),
        ({"state": "received", "case_code": "C-7"}, "-"),
    ],
)
def test_who_waits_for_an_overdue_step_is_told_but_not_in_a_confidential_case(
    referrals: Connection, stands: dict[str, Any], who: str
) -> None:
    referrals.execute(NONE_DUE)
    refer(referrals, due=timedelta(hours=-1), **stands)
    refer(referrals, due=timedelta(hours=5))
    assert probes.referrals(referrals, None)["organisations"] == [who]
