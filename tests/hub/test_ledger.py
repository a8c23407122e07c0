"""What the courier writes down, batch by batch, in a real database: each thing once, whatever comes again."""

import random
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import codes, uuid7
from deploy.local import Stack
from hub.gateway import keeping, ledger
from hub.gateway.ledger import Entry
from messaging import clock, database, outbox, topology
from messaging.broker import Publication
from messaging.topology import Organisation, System
from tests.examples import CONSENT_ID, PERSON_ID, REFERRAL_ID, SEALED, referral_requested
from tests.hub.ledger import (
    NOW,
    SECOND,
    Tables,
    entry,
    listening,
    make_database,
    processed,
    refused,
    said,
    status,
    write,
)
from tests.waiting import eventually

SEQUENCES = 30
SERVICES = topology.read().services


@pytest.fixture(scope="module")
def database_url(stack: Stack) -> str:
    return make_database(stack)


@pytest.fixture
def tables(database_url: str) -> Tables:
    tables = Tables(database_url)
    tables.empty()
    return tables


@pytest.fixture
def heard(tables: Tables) -> Iterator[list[tuple[str, str]]]:
    yield from listening(tables.url)


# -- deliveries --------------------------------------------------------------------------------------------------------


def test_a_message_to_an_organisation_is_kept_byte_for_byte_under_the_next_number(tables: Tables) -> None:
    cause = said(contracts.PersonErased(person_id=uuid7(), erased_at=NOW))
    message = said(status("iom").data, to="iom", cause=cause)
    write(tables.url, [entry(message)])
    (row,) = tables.inbox("iom")
    assert (row["number"], row["address"], row["message_id"], row["type"]) == (
        1,
        "iom",
        message.id,
        "referral.status.v1",
    )
    assert (row["causationid"], row["correlationid"], row["subject"]) == (cause.id, cause.id, message.subject)
    assert row["body"].encode() == message.to_json()
    assert row["acknowledged_at"] is None


def test_numbers_are_each_organisations_own_and_say_nothing_of_others(tables: Tables) -> None:
    write(tables.url, [entry(status(to)) for to in ("iom", "redcross", "iom", "iom", "redcross")])
    assert [row["number"] for row in tables.inbox("iom")] == [1, 2, 3]
    assert [row["number"] for row in tables.inbox("redcross")] == [1, 2]


def test_what_two_organisations_say_under_one_id_are_two_messages(tables: Tables) -> None:
    id = uuid7()
    both = [said(status("iom").data, to="iom", id=id, source=source) for source in ("hub", "redcross")]
    write(tables.url, [entry(one) for one in both])
    assert [row["source"] for row in tables.inbox("iom")] == ["hub", "redcross"]


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_in_any_batches_and_with_any_redelivery_each_is_there_once_and_numbers_have_no_gap(
    tables: Tables, seed: int
) -> None:
    """Batches are cut anywhere; some come to nothing; what was not acknowledged comes again, in its order."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    entries = [entry(status(dice.choice(("iom", "redcross", "fuvadis")))) for _ in range(dice.randint(1, 40))]
    at = 0
    while at < len(entries):
        size = dice.randint(1, 12)
        batch = entries[max(0, at - dice.choice((0, 0, 3))) : at + size]  # some of it again
        if dice.random() < 0.3:
            with database.connect(tables.url) as connection:
                ledger.write(connection, ledger.read(batch, {}))
                connection.rollback()  # killed before the commit
        else:
            write(tables.url, batch + dice.sample(batch, dice.randint(0, len(batch))))
            at += size
    assert tables.faults(entries) == []
    order = {contracts.parse(one.body).id: place for place, one in enumerate(entries)}
    for organisation in ("iom", "redcross", "fuvadis"):
        places = [order[row["message_id"]] for row in tables.inbox(organisation)]
        assert places == sorted(places)


def test_a_number_that_is_given_twice_or_left_out_is_found(tables: Tables) -> None:
    """The planted faults of the check itself."""
    entries = [entry(status("iom")) for _ in range(3)]
    write(tables.url, entries)
    tables.query("delete from delivery where number = 2")
    assert len(tables.faults(entries)) == 3  # lost, a gap, another end
    tables.empty()
    write(tables.url, entries)
    assert tables.faults(entries[:2]) != []


def test_what_a_system_reads_is_addressed_to_it_and_all_else_to_the_organisation() -> None:
    """As by AMQP; what a service that the organisation runs reads comes to its staff here, too."""
    systems = (
        System("iom", "cases", ("referral.*",), ("person.registered",)),
        System("iom", "events", ("attendance.settled",), (), "events", ("jornada.status",)),
    )
    organisations = {"iom": Organisation("iom", "OIM", (), systems=systems)}
    asked = contracts.PersonErasureAsked(person_id=uuid7(), erase_by=NOW.date())
    came = [status("iom"), said(asked, to="iom"), refused("not_allowed", uuid7(), to="iom"), status("nobody")]
    batch = ledger.read([entry(one) for one in came], organisations)
    addresses = [one.address for one in batch.deliveries.values()]
    assert addresses == ["iom.cases", "iom", "iom.cases", "nobody"]


def test_an_answer_is_addressed_to_the_system_that_asked_and_how_something_stands_to_whoever_reads_it() -> None:
    systems = (
        System("iom", "cases", ("referral.*",), ("person.registered",)),
        System("iom", "console", (), ()),
        System("iom", "events", ("attendance.settled",), (), "events", ("jornada.status",)),
    )
    organisations = {"iom": Organisation("iom", "OIM", (), systems=systems)}

    def answering(system: str, message: contracts.Message) -> contracts.Message:
        return message.model_copy(update={"recipientsystem": system})

    came = [
        answering("console", refused("not_allowed", uuid7(), to="iom")),
        answering("events", refused("not_allowed", uuid7(), to="iom")),
        answering("gone", refused("not_allowed", uuid7(), to="iom")),
        answering("console", status("iom")),
    ]
    batch = ledger.read([entry(one) for one in came], organisations)
    addresses = [one.address for one in batch.deliveries.values()]
    assert addresses == ["iom.console", "iom.cases", "iom.cases", "iom.cases"]


def test_bytes_that_are_no_message_are_kept_as_they_are_and_stop_nobody(tables: Tables) -> None:
    raw = b'{"id": "\xff'
    write(tables.url, [entry(status("iom")), Entry("to.iom.referral.status.v1", raw), entry(status("iom"))])
    write(tables.url, [Entry("to.iom.referral.status.v1", raw)])  # once more
    (parked,) = tables.query("select * from parked")
    assert (parked["state"], parked["reason"], bytes(parked["raw"])) == ("quarantined", "not_utf8", raw)
    assert [row["number"] for row in tables.inbox("iom")] == [1, 2]


def test_a_message_that_has_no_place_here_is_kept_too(tables: Tables) -> None:
    stray = said(contracts.PersonErasureAsked(person_id=uuid7(), erase_by=NOW.date()))
    write(tables.url, [entry(stray, "nobody.reads.this")])
    (parked,) = tables.query("select * from parked")
    assert (parked["reason"], bytes(parked["raw"])) == ("no_handler", stray.to_json())


@pytest.mark.parametrize("fault", [psycopg.errors.DataError, psycopg.errors.CheckViolation, RuntimeError])
def test_one_that_the_database_will_not_have_is_put_aside_alone(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    bad = status("iom")
    original = ledger._deliver

    def deliver(connection: Any, deliveries: Any) -> Any:
        if any(one.message.id == bad.id for one in deliveries):
            raise fault("planted")
        return original(connection, deliveries)

    monkeypatch.setattr(ledger, "_deliver", deliver)
    good = [status("iom") for _ in range(3)]
    write(tables.url, [entry(one) for one in (good[0], bad, *good[1:])])
    assert [row["message_id"] for row in tables.inbox("iom")] == [one.id for one in good]
    (parked,) = tables.query("select * from parked")
    assert (parked["reason"], bytes(parked["raw"])) == ("failed", bad.to_json())


def test_what_the_database_cannot_do_just_now_is_nobodys_fault(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise psycopg.errors.DiskFull

    monkeypatch.setattr(ledger, "_deliver", full)
    with pytest.raises(psycopg.errors.DiskFull):
        write(tables.url, [entry(status("iom"))])
    assert tables.query("select * from parked") == []


def test_who_listens_hears_of_each_organisation_once_a_batch_and_of_repeats_nothing(
    tables: Tables, heard: list[tuple[str, str]]
) -> None:
    batch = [entry(status("iom")), entry(status("iom")), entry(processed("applied", uuid7(), uuid7()))]
    write(tables.url, batch)
    write(tables.url, batch)
    write(tables.url, [entry(status("fuvadis"))])  # by which one knows that what came before has been heard
    eventually(lambda: ("inbox", "fuvadis") in heard)
    assert heard == [("inbox", "iom"), ("outcome", "redcross"), ("inbox", "fuvadis")]


# -- outcomes ----------------------------------------------------------------------------------------------------------


def test_what_each_service_says_is_kept_for_each_message(tables: Tables) -> None:
    one, other = uuid7(), uuid7()
    write(tables.url, [entry(processed("applied", one, other)), entry(processed("applied", one, service="reports"))])
    assert tables.outcomes() == {
        ("redcross", one, "intake"): "applied",
        ("redcross", other, "intake"): "applied",
        ("redcross", one, "reports"): "applied",
    }


REPORTS: list[tuple[tuple[str, ...], str | None]] = [
    (("waits", "applied"), "applied"),
    (("waits", "refused"), "refused"),
    (("waits", "quarantined"), "quarantined"),
    (("quarantined", "waits"), "waits"),
    (("quarantined", "applied"), "applied"),
    (("applied", "repeated"), "applied"),
    (("refused", "repeated"), "refused"),
    (("waits", "repeated"), "waits"),
    (("repeated",), None),
]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("reports", "left"), REPORTS)
def test_a_later_report_supersedes_an_earlier_one(
    tables: Tables, reports: tuple[str, ...], left: str | None, together: bool
) -> None:
    id = uuid7()
    entries = [entry(processed(state, id, at=NOW + place * SECOND)) for place, state in enumerate(reports)]
    for batch in [entries] if together else [[one] for one in entries]:
        write(tables.url, batch)
    assert tables.outcomes().get(("redcross", id, "intake")) == left


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("ahead", [-600, 600])
@pytest.mark.parametrize("end", ["applied", "refused"])
@pytest.mark.parametrize("late", ["waits", "quarantined"])
def test_what_has_ended_is_not_taken_back_by_what_comes_late_whatever_the_clocks_say(
    tables: Tables, end: str, late: str, ahead: int, together: bool
) -> None:
    id = uuid7()
    entries = [entry(processed(end, id)), entry(processed(late, id, at=NOW + ahead * SECOND))]
    for batch in [entries] if together else [[one] for one in entries]:
        write(tables.url, batch)
    assert tables.outcomes()["redcross", id, "intake"] == end


def test_why_until_when_and_for_what_it_waits_is_kept(tables: Tables) -> None:
    id, subject, until = uuid7(), str(uuid7()), NOW + timedelta(hours=1)
    waits = processed("waits", id, code="consent_unknown", waiting_for=subject, until=until)
    write(tables.url, [entry(waits)])
    (row,) = tables.query("select * from outcome")
    assert (row["code"], row["waiting_for"], row["until"]) == ("consent_unknown", subject, until)
    write(tables.url, [entry(processed("applied", id, at=NOW + SECOND))])
    (row,) = tables.query("select * from outcome")
    assert (row["code"], row["waiting_for"], row["until"]) == (None, None, None)
    assert (row["first_at"], row["changed_at"]) == (NOW, NOW + SECOND)


def test_a_refusal_of_the_gateway_is_an_outcome_and_is_counted_once_however_often_it_comes(tables: Tables) -> None:
    first, second = uuid7(), uuid7()
    batch = [
        entry(refused("not_allowed", first)),
        entry(refused("not_allowed", second, at=NOW + 59 * SECOND)),
        entry(refused("not_allowed", None, at=NOW + 60 * SECOND)),
        entry(refused("not_json", None, to="iom")),
    ]
    for again in (batch, batch, batch[1:3], batch[:1] + batch[:1]):
        write(tables.url, again)
    rows = tables.query("select * from refusal_count order by organisation, minute")
    assert [
        (row["organisation"], row["code"], row["entrance"], row["count"], row["first_message"]) for row in rows
    ] == [
        ("iom", "not_json", "amqp", 1, None),
        ("redcross", "not_allowed", "amqp", 2, first),
        ("redcross", "not_allowed", "amqp", 1, None),
    ]
    assert tables.outcomes() == {("redcross", one, "gateway"): "refused" for one in (first, second)}


@pytest.mark.parametrize(
    "message", [refused("already_answered", uuid7(), by="referrals"), refused("not_allowed", uuid7(), source="iom")]
)
def test_only_the_gateways_own_refusals_are_its_outcomes(tables: Tables, message: contracts.Message) -> None:
    write(tables.url, [entry(message)])
    assert (tables.outcomes(), tables.query("select * from refusal_count")) == ({}, [])


# -- erasure -----------------------------------------------------------------------------------------------------------


def say_to(to: str, data: Any, subject: str, source: str = "hub") -> contracts.Message:
    return contracts.stamp(contracts.Draft(data, subject, recipient=to), source=source, time=NOW)


def erased(person_id: UUID = PERSON_ID) -> Entry:
    return entry(said(contracts.PersonErased(person_id=person_id, erased_at=NOW)))


def offered() -> contracts.Message:
    request = referral_requested(sealed=SEALED)
    data = contracts.ReferralOffered(
        referral_id=REFERRAL_ID, sender="redcross", receive_by=NOW, answer_by=NOW, request=request
    )
    return said(data, to="iom")


def bodies(tables: Tables) -> dict[UUID, bool]:
    return {row["message_id"]: row["body"] is not None for row in tables.query("select message_id, body from delivery")}


ABOUT_THE_PERSON = {
    "a referral": offered(),
    "a status that names only the referral": status("redcross", REFERRAL_ID, sealed=SEALED),
    "a status with a note, though its state be that of an erasure": status(
        "redcross", REFERRAL_ID, state=codes.ReferralState.CONSENT_WITHDRAWN, sealed=SEALED
    ),
    "a match": said(
        contracts.MatchProposed(
            match_id=uuid7(), person_ids=tuple(sorted((PERSON_ID, uuid7()))), score=0.9, reasons=()
        ),
        to="barranquilla",
    ),
    "what became of an attendance": said(
        contracts.AttendanceSettled(
            attendance_id=uuid7(), jornada_id=uuid7(), person_id=PERSON_ID,
            outcome=next(iter(codes.AttendanceOutcome)), late=False,
        ),
        to="redcross",
    ),
    "an enquiry's deadline": said(
        contracts.RightsDue(
            request_id=uuid7(), person_id=PERSON_ID, kind=codes.RightsKind.CORRECTION, organisation="iom",
            answer_by=NOW.date(), overdue=False,
        ),
        to="iom",
    ),
}  # fmt: skip
NOTICES = {
    "the erasure, for a service that the organisation runs": said(
        contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW), to="americares"
    ),
    "that the organisation is asked to erase": said(
        contracts.PersonErasureAsked(person_id=PERSON_ID, erase_by=NOW.date()), to="iom"
    ),
    "that a purge receipt is owed": status("iom", REFERRAL_ID, state=codes.ReferralState.CONSENT_WITHDRAWN),
    "until when an erasure is to be answered": said(
        contracts.RightsDue(
            request_id=uuid7(), person_id=PERSON_ID, kind=codes.RightsKind.ERASURE, organisation="iom",
            answer_by=NOW.date(), overdue=False,
        ),
        to="iom",
    ),
}  # fmt: skip
OF_OTHERS = {"another's referral": status("redcross", uuid7(), sealed=SEALED)}
ALL = {**ABOUT_THE_PERSON, **NOTICES, **OF_OTHERS}


@pytest.mark.parametrize("acknowledged", [True, False])
def test_an_erasure_empties_what_speaks_of_the_person_read_or_not_and_leaves_its_own_notices(
    tables: Tables, acknowledged: bool
) -> None:
    write(tables.url, [entry(one) for one in ALL.values()])
    if acknowledged:
        tables.query("update delivery set acknowledged_at = clock_timestamp()")
    write(tables.url, [erased()])
    there = bodies(tables)
    assert {name: there[one.id] for name, one in ALL.items()} == {name: name not in ABOUT_THE_PERSON for name in ALL}
    assert all(
        (row["erased_at"] is None) == (row["body"] is not None) for row in tables.query("select * from delivery")
    )


@pytest.mark.parametrize("seed", range(20))
def test_in_whatever_order_it_comes_and_comes_again_nothing_of_the_erased_is_left(tables: Tables, seed: int) -> None:
    """What is linked to the person only by the referral's offer is found once that has come."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    entries = [*(entry(one) for one in ALL.values()), erased()]
    entries += dice.sample(entries, 4)
    dice.shuffle(entries)
    at = 0
    while at < len(entries):
        size = dice.randint(1, 5)
        write(tables.url, entries[at : at + size])
        at += size
    there = bodies(tables)
    assert {name: there[one.id] for name, one in ALL.items()} == {name: name not in ABOUT_THE_PERSON for name in ALL}


def test_by_an_invented_id_nobody_empties_what_is_anothers(tables: Tables) -> None:
    """A person of one's own, an attendance under an id that somebody else uses, and the erasure of that person."""
    searched, mine = uuid7(), uuid7()
    suggested = contracts.ServicesSuggested(search_id=searched, services=())
    to_redcross = say_to("redcross", suggested, str(searched))
    attended = contracts.AttendanceSettled(
        attendance_id=searched,
        jornada_id=uuid7(),
        person_id=mine,
        outcome=codes.AttendanceOutcome.ACCEPTED,
        late=False,
    )
    attack = [say_to("americares", attended, str(searched), source="iom"), say_to("iom", attended, str(searched))]

    write(tables.url, [entry(one) for one in (to_redcross, *attack)])
    write(tables.url, [erased(mine)])
    again = say_to("redcross", suggested, str(searched))
    write(tables.url, [entry(again)])

    left = bodies(tables)
    assert [left[one.id] for one in (to_redcross, again)] == [True, True]
    assert [left[one.id] for one in attack] == [False, False]
    assert searched not in {row["id"] for row in tables.query("select id from forgotten union select id from erased")}


def test_what_a_message_waits_for_is_not_named_when_it_is_somebody_erased(tables: Tables) -> None:
    before, after, other = (uuid7() for _ in range(3))
    mine = str(PERSON_ID)
    write(
        tables.url,
        [
            entry(processed("waits", before, waiting_for=mine)),
            entry(processed("waits", other, waiting_for=str(CONSENT_ID))),
        ],
    )
    write(tables.url, [erased()])
    write(tables.url, [entry(processed("waits", after, waiting_for=mine))])
    rows = tables.query("select message_id, waiting_for from outcome")
    assert {row["message_id"]: row["waiting_for"] for row in rows} == {
        before: None,
        after: None,
        other: str(CONSENT_ID),
    }


def test_the_relay_is_told_to_take_them_out_of_what_was_submitted_by_http(tables: Tables) -> None:
    write(tables.url, [entry(offered()), erased()])
    assert {row["id"] for row in tables.query("select id from forgotten")} == {PERSON_ID, REFERRAL_ID}


def test_every_id_of_a_person_in_any_contract_is_one_that_an_erasure_finds() -> None:
    """The fields by which people are named end in `person_id` or `person_ids`: a contract with another is caught."""
    found = {name for contract in contracts.CONTRACTS.values() for name in _fields(contract.data) if "person" in name}
    assert found <= {"person_id", "person_ids"}, found


def _fields(model: Any) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if "UUID" in str(field.annotation):
            yield name
        stack = [field.annotation]
        while stack:
            one = stack.pop()
            stack += typing.get_args(one)
            if isinstance(one, type) and hasattr(one, "model_fields"):
                yield from _fields(one)


# -- keeping -----------------------------------------------------------------------------------------------------------


def keep_house(url: str) -> None:
    for step in keeping.STEPS:
        with database.connect(url) as connection:
            while keeping.keep(connection, step, SERVICES):
                pass


def test_what_is_older_than_its_time_goes_and_nothing_else(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ROWS", 2)
    organisations = ("iom", "redcross", "fuvadis")
    write(tables.url, [entry(status(to)) for to in organisations for _ in range(7)])
    tables.query("insert into http_reader (organisation) values ('iom'), ('redcross')")
    tables.query("update delivery set delivered_at = clock_timestamp() - interval '31 days' where number <= 5")
    tables.query(
        "update delivery set acknowledged_at = clock_timestamp() - interval '31 days' "
        "where organisation = 'iom' and number <= 3"
    )
    tables.query("update delivery set acknowledged_at = clock_timestamp() where organisation = 'iom' and number = 4")
    keep_house(tables.url)
    left = {to: [row["number"] for row in tables.inbox(to) if row["body"] is not None] for to in organisations}
    assert left == {
        "iom": [4, 5, 6, 7],  # acknowledged long ago; lately; not at all, however old
        "redcross": [1, 2, 3, 4, 5, 6, 7],  # nothing expires unread
        "fuvadis": [6, 7],  # it has had them by AMQP
    }
    assert all(row["erased_at"] is None for row in tables.query("select * from delivery"))


def test_answers_to_requests_that_may_come_again_are_kept_for_a_day(tables: Tables) -> None:
    for key, hours in (("lately", 23), ("long ago", 25), ("longer ago", 1000)):
        tables.query(
            "insert into idempotency (organisation, key, request_sha256, begun_at, status, answer) "
            "values ('redcross', %s, '', clock_timestamp() - %s * interval '1 hour', 202, '{}')",
            key,
            hours,
        )
    keep_house(tables.url)
    assert [row["key"] for row in tables.query("select key from idempotency")] == ["lately"]


def test_outcomes_are_kept_for_ninety_days(tables: Tables) -> None:
    write(tables.url, [entry(processed("applied", *(uuid7() for _ in range(3))))])
    kept = uuid7()
    write(tables.url, [entry(processed("applied", kept))])
    tables.query("update outcome set written_at = clock_timestamp() - interval '89 days' where message_id = %s", kept)
    tables.query("update outcome set written_at = clock_timestamp() - interval '91 days' where message_id <> %s", kept)
    keep_house(tables.url)
    assert [row["message_id"] for row in tables.query("select message_id from outcome")] == [kept]


def test_an_outcome_of_a_service_whose_clock_stands_in_the_past_is_kept_as_long(tables: Tables) -> None:
    message_id = uuid7()
    write(tables.url, [entry(processed("applied", message_id))])
    tables.query("update outcome set first_at = '2021-02-01Z', changed_at = '2021-02-01Z'")
    keep_house(tables.url)
    assert [row["message_id"] for row in tables.query("select message_id from outcome")] == [message_id]


@pytest.mark.parametrize(("days", "left"), [(89, 1), (91, 0)])
def test_submissions_are_kept_for_ninety_days(tables: Tables, days: int, left: int) -> None:
    tables.query(
        "insert into submission (source, message_id, digest, type, accepted_at) "
        "values ('redcross', %s, '', 'person.registered.v1', clock_timestamp() - %s * interval '1 day')",
        uuid7(),
        days,
    )
    keep_house(tables.url)
    assert len(tables.query("select 1 from submission")) == left


@pytest.mark.parametrize(("hours", "left"), [(23, 1), (25, 0)])
def test_answers_to_requests_are_kept_for_a_day(tables: Tables, hours: int, left: int) -> None:
    tables.query(
        "insert into idempotency (organisation, key, request_sha256, begun_at, status, answer) "
        "values ('redcross', 'a', '', clock_timestamp() - %s * interval '1 hour', 202, '{}')",
        hours,
    )
    keep_house(tables.url)
    assert len(tables.query("select 1 from idempotency")) == left


PUBLISHED = "service.published.v1"  # referrals and reports read it
DIVERTED = "to.americares.attendance.recorded.v1"  # americares runs the service itself that reads it


@pytest.mark.parametrize(
    ("address", "published", "heard_of", "minutes", "left"),
    [
        (PUBLISHED, True, {"referrals": "waits", "reports": "applied"}, 11, 0),
        (PUBLISHED, True, {"referrals": "applied", "reports": "applied"}, 9, 1),
        (PUBLISHED, True, {}, 11, 1),  # it may stand in a queue that is lost
        (PUBLISHED, True, {"reports": "applied"}, 11, 1),  # it may so for one of its readers
        (PUBLISHED, True, {"reports": "applied", "gateway": "refused"}, 11, 1),
        (PUBLISHED, True, {}, 24 * 60 + 1, 0),
        (PUBLISHED, False, {"referrals": "applied", "reports": "applied"}, 11, 1),
        (DIVERTED, True, {"americares.events": "handed_to"}, 11, 0),
        (DIVERTED, True, {}, 11, 1),
    ],
)
def test_what_was_submitted_leaves_the_outbox_when_it_is_out_and_all_its_readers_are_heard_and_ten_minutes_old(
    tables: Tables, address: str, published: bool, heard_of: dict[str, str], minutes: int, left: int
) -> None:
    id = uuid7()
    with database.connect(tables.url) as connection:
        writer = outbox.open_writer(connection, "gateway-http")
        key = topology.submitted_key("redcross", None, address)
        written = outbox.write(connection, writer, [Publication("hub", key, b"{}", id)], outbox.Tally())
        connection.commit()
        if published:
            outbox.mark(connection, writer, written().position)
    for service, state in heard_of.items():
        write(tables.url, [entry(processed(state, id, service=service, type=PUBLISHED))])
    tables.query("update outbox set recorded_at = clock_timestamp() - %s * interval '1 minute'", minutes)
    keep_house(tables.url)
    assert len(tables.query("select 1 from outbox")) == left


def test_while_the_databases_clock_is_not_ours_nothing_is_too_old(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connect(tables.url) as connection:
        assert keeping.clocks_agree(connection)
        for apart in (timedelta(hours=1), -timedelta(days=91)):
            monkeypatch.setattr(clock, "machine_now", lambda apart=apart: datetime.now(UTC) + apart)
            assert not keeping.clocks_agree(connection)


def test_what_is_parked_as_it_came_is_looked_through_for_everybody_ever_erased(tables: Tables) -> None:
    write(tables.url, [erased()])
    tables.query("delete from forgotten")  # carried out long ago
    write(tables.url, [Entry("to.redcross.x", b"no message, about " + str(PERSON_ID).encode())])
    assert PERSON_ID in {row["id"] for row in tables.query("select id from forgotten")}


def test_a_step_is_bounded(tables: Tables) -> None:
    ids = [uuid7() for _ in range(keeping.ROWS + 1)]
    write(tables.url, [entry(processed("applied", *ids))])
    tables.query("update outcome set written_at = clock_timestamp() - interval '91 days'")
    with database.connect(tables.url) as connection:
        assert keeping.keep(connection, "outcome", SERVICES) is True
        assert len(tables.query("select 1 from outcome")) == 1
        assert keeping.keep(connection, "outcome", SERVICES) is False
