"""What the console keeps of referrals, and whom it shows which: any order of facts, any batch, any repeat."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Message, codes
from contracts.codes import NoteKind, ReferralEvent, ReferralState, ReminderAbout
from contracts.deadlines import PURGE_WITHIN
from contracts.transitions import ENDED, NOTED_IN
from hub.console.store import cases, work
from hub.console.store.cases import COUNTED_TO, After, Asked, Part, Viewer
from hub.console.store.work import Bucket, Day
from hub.console.web import acting
from hub.console.web.consents import Standing, standing
from messaging import database
from tests.examples_reports import (
    HELD_AT,
    an_id,
    consent_ended,
    consent_recorded,
    erased,
    in_need,
    noted,
    referred,
    says,
    service_recorded,
)
from tests.hub.console.kept import FOLDER, Kept
from tests.hub.console.kit import CENTRE

ORGANISATIONS = ("redcross", "iom", "americares")
NEEDS = ("health.consultation", "food_security.voucher")
STATES = (ReferralState.SENT, ReferralState.RECEIVED, ReferralState.INFO_REQUESTED, ReferralState.COMPLETED)
WAITS = {
    ReferralState.SENT: ReminderAbout.RECEIPT,
    ReferralState.RECEIVED: ReminderAbout.DECISION,
    ReferralState.INFO_REQUESTED: ReminderAbout.ANSWER,
    ReferralState.COMPLETED: ReminderAbout.OUTCOME,
}
MINUTE, DAY_LONG = timedelta(minutes=1), timedelta(days=1)
NOON = HELD_AT
DAY = Day(NOON, NOON - timedelta(hours=9), NOON + timedelta(hours=15))
COORDINATOR = Viewer("barranquilla", coordinates=True)
(PURGES_ASKED,) = (FOLDER / "migrations").glob("0031_*.sql")
BACKFILL = PURGES_ASKED.read_text().partition("-- What was told until now")[2].partition("\n")[2]


def recorded(name: object, number: int = 1, **overrides: Any) -> Message[contracts.ReferralRecorded]:
    """What is recorded of a referral, as its `number`th step."""
    state = overrides.pop("state", STATES[(number - 1) % len(STATES)])
    at = HELD_AT + number * MINUTE
    fact = referred(
        name, **{"state": state, "referral_id": an_id(name), "changed_at": at, "waits_for": WAITS.get(state),
                 "due_at": at + timedelta(days=1) if state in WAITS else None, **overrides},
    )  # fmt: skip
    return says(fact, number=number, time=at)


def some_facts(chance: random.Random) -> list[Message[Any]]:
    """Some referrals between some organisations, some steps and events of each, and an erasure."""
    facts: list[Message[Any]] = []
    for name in range(12):
        sender, recipient = chance.sample(ORGANISATIONS, 2)
        need = chance.choice(NEEDS)
        for number in range(1, chance.randint(1, 4) + 1):
            facts.append(recorded(name, number, sender=sender, recipient=recipient, need_code=need))
        if chance.random() < 0.5:
            event = noted("p", referral_id=an_id(name), noted_at=HELD_AT + chance.randint(0, 5) * MINUTE)
            facts.append(says(event))
        facts += map(says, chance.sample(facts_of_purge(name, sender, recipient), chance.randint(0, 4)))
    facts += [says(service_recorded(f"Consulta {n}", **stated_after(n), published_at=HELD_AT + n // 3 * MINUTE))
              for n in range(chance.randint(0, 8))]  # fmt: skip
    for name in range(12):
        facts += map(says, chance.sample(facts_of_consent(name), chance.randint(0, 4)))
        facts += [says(looked_at(name, chance.choice(ORGANISATIONS), n)) for n in range(chance.randint(0, 3))]
    return [*facts, *(says(erased(name)) for name in chance.sample(range(12), 3))]


def facts_of_purge(name: object, sender: str, recipient: str) -> list[Any]:
    """Both were asked to delete what they hold, both say that they have, and one is asked again."""
    said = [("purge_owed", "hub", (sender, recipient)), ("purged", sender, (recipient,)), ("purged", recipient, ()),
            ("purge_owed", "hub", (sender,))]  # fmt: skip
    return [
        noted("p", what, "consent_withdrawn", referral_id=an_id(name), noted_at=HELD_AT + minutes * MINUTE,
              noted_by=by, awaited=awaited)
        for minutes, (what, by, awaited) in enumerate(said, 6)
    ]  # fmt: skip


def facts_of_consent(name: object) -> list[Any]:
    """A consent that was said to be taken back, which was contested, and then was."""
    consent_id = an_id(("consent", name))
    return [
        consent_recorded(name),
        contracts.ConsentSuspended(consent_id=consent_id, suspended_at=HELD_AT + MINUTE),
        contracts.ConsentResumed(consent_id=consent_id, resumed_at=HELD_AT + 2 * MINUTE),
        consent_ended(name, ended_at=HELD_AT + 3 * MINUTE),
    ]


def looked_at(name: object, by: str, minutes: int) -> contracts.NeedRecorded:
    """A need that somebody has triaged, so long after."""
    at = HELD_AT + minutes * MINUTE
    return in_need(name, urgency=codes.Urgency.URGENT, triaged_by=by, triaged_at=at)


def stated_after(minutes: int) -> dict[str, Any]:
    """What is stated of a service so long after; at first nothing is."""
    if not minutes:
        return {}
    at = HELD_AT + minutes * MINUTE
    return {
        "capacity": codes.CapacityState.WAITING_LIST,
        "waiting": minutes,
        "stated_at": at,
        "valid_until": at + DAY_LONG,
    }


def in_tables(service: Kept) -> dict[str, list[str]]:
    return {table: sorted(map(repr, rows)) for table, rows in service.tables().items()}


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_and_batches_and_however_often_facts_come_the_same_is_kept(kept: Kept, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    facts = some_facts(chance)
    kept.hear(*facts)
    first = in_tables(kept)
    kept.forget()

    again = [*facts, *chance.sample(facts, 10)]
    chance.shuffle(again)
    while again:
        many = chance.randint(1, 9)
        batch, again = again[:many], again[many:]
        kept.hear(*batch)
    after = in_tables(kept)
    # An escalation that comes late is kept, and shown to nobody: somebody has moved since.
    for one in (first, after):
        one.pop("escalation")
    assert after == first


def seen(service: Kept, viewer: Viewer, asked: Asked = Asked(), size: int = 3) -> list[UUID]:  # noqa: B008 - frozen
    """The ids on all the pages of a list, in their order."""
    found: list[UUID] = []
    after = None
    while page := service.read(cases.referrals, viewer, asked, after=after, limit=size):
        assert len(page) <= size
        found += [row["referral_id"] for row in page]
        after = After(page[-1]["changed_at"], page[-1]["referral_id"])
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_list_has_what_the_viewer_may_see_and_asked_for_once_each_and_is_counted_so(kept: Kept, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    facts = [one for one in some_facts(chance) if one.type.startswith("referral.recorded")]
    chance.shuffle(facts)
    kept.hear(*facts)
    last = {one.data.referral_id: one.data for one in sorted(facts, key=lambda one: one.sequence or 0)}

    viewers = [COORDINATOR, *(Viewer(name, coordinates=False) for name in ORGANISATIONS), Viewer("fuvadis", False)]
    for viewer in viewers:
        for part in Part:
            for state in (None, *STATES):
                for need in (None, *NEEDS):
                    asked = Asked(part, state, need)
                    expected = sorted(
                        (
                            (one.changed_at, one.referral_id)
                            for one in last.values()
                            if is_asked(one, viewer, asked)
                        ),
                        reverse=True,
                    )  # fmt: skip
                    assert seen(kept, viewer, asked) == [id for _, id in expected], (viewer, asked)
                    assert kept.read(cases.count, viewer, asked) == len(expected)


def is_asked(one: contracts.ReferralRecorded, viewer: Viewer, asked: Asked) -> bool:
    is_sender, is_recipient = one.sender == viewer.organisation, one.recipient == viewer.organisation
    visible = {
        Part.ALL: viewer.coordinates or is_sender or is_recipient,
        Part.SENT: is_sender,
        Part.RECEIVED: is_recipient,
    }[asked.part]
    return visible and asked.state in (None, one.state) and asked.need_code in (None, one.need_code)


def test_beyond_a_thousand_nobody_counts(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "COUNTED_TO", 3)
    kept.hear(*(recorded(name) for name in range(7)))
    assert kept.read(cases.count, COORDINATOR, Asked()) == 4
    assert COUNTED_TO == 1_000


ASKED: dict[str, Any] = {
    "reason_code": codes.ReferralReason.NO_CAPACITY, "consent_id": an_id("a consent"),
    "shares": (codes.FieldGroup.CONTACT,), "topic": codes.InfoTopic.HEALTH,
}  # fmt: skip


@pytest.mark.parametrize("order", ["before", "after", "between"])
def test_of_an_erased_person_a_case_tells_nothing_in_whatever_order_it_is_said(kept: Kept, order: str) -> None:
    scheduled = {"state": ReferralState.SCHEDULED, "visit_at": NOON + MINUTE, "mode": codes.VisitMode.BY_PHONE}
    facts = [recorded("one", 1, **ASKED), recorded("one", 5, **scheduled, **ASKED), recorded("other", 1, **ASKED),
             *(says(looked_at(name, "iom", 1)) for name in ("one", "other"))]  # fmt: skip
    erasure = says(erased("one"))
    match order:
        case "before":
            kept.hear(erasure)
            kept.hear(*facts)
        case "after":
            kept.hear(*facts)
            kept.hear(erasure)
        case "between":
            kept.hear(facts[1], erasure, facts[0], *facts[2:])
    tables = kept.tables()
    one, other = sorted(tables["referral"], key=lambda row: row["referral_id"] != an_id("one"))
    assert (one["person_id"], one["need_id"], one["visit_at"]) == (None, None, None)
    assert other["person_id"] == an_id("other")
    assert [row["need_id"] for row in tables["triage"]] == [other["need_id"]]
    told = {row["referral_id"]: set(row["details"]) for row in tables["step"] if row["sequence"] == 1}
    assert told[an_id("one")] == {"due_at", "waits_for"}
    assert told[an_id("other")] == {"due_at", "waits_for", "missing_documents", *ASKED}
    assert all("visit_at" not in row["details"] and "mode" not in row["details"] for row in tables["step"])
    # What the audit has of the person, or of the case by its code, nobody reads any more.
    keys = {row["person"]: row["key"] for row in tables["person_key"]}
    assert keys == {str(an_id("one")): None, contracts.short_code(an_id("one")): None}


def test_what_nobody_answered_is_over_once_the_last_receipt_of_a_purge_is_there(kept: Kept) -> None:
    def said(what: str, minutes: int, *awaited: str) -> Message[Any]:
        at = NOON + minutes * MINUTE
        return says(noted("p", what, referral_id=an_id("owed"), noted_at=at, awaited=awaited))

    def escalated() -> int:
        return kept.read(work.counts, COORDINATOR, DAY)[Bucket.ESCALATED]

    kept.hear(recorded("owed", 1), said("escalated", 5, "iom", "redcross"))
    kept.hear(said("purged", 6, "iom"))
    assert escalated() == 1
    kept.hear(said("purged", 7))
    assert escalated() == 0


def of_a_purge(what: str, minutes: int, by: str = "hub", *awaited: str, **more: Any) -> Message[Any]:
    """What is told of the purge of `owed`, which has to be done within two days."""
    more |= {"waits_for": ReminderAbout.PURGE, "purge_by": NOON + 2 * DAY_LONG} if awaited else {}
    at = NOON + minutes * MINUTE
    state = "consent_withdrawn"
    return says(noted("p", what, state, referral_id=an_id("owed"), noted_at=at, noted_by=by, awaited=awaited, **more))


def purges(kept: Kept, viewer: Viewer, bucket: Bucket, now: datetime = NOON) -> list[UUID]:
    """Of which referrals a viewer is shown that somebody has to delete something; list and count agree."""
    day = replace(DAY, now=now)
    found = kept.read(work.work, viewer, day, bucket)
    assert kept.read(work.counts, viewer, day).get(bucket, 0) == len(found)
    return [row["referral_id"] for row in found]


@pytest.mark.parametrize("order", [1, -1])
def test_who_has_to_delete_something_has_it_in_hoy_until_they_say_that_it_is_done(kept: Kept, order: int) -> None:
    iom, redcross, other = (Viewer(one, coordinates=False) for one in ("iom", "redcross", "americares"))
    withdrawn = recorded("owed", 3, sender="redcross", recipient="iom", state=ReferralState.CONSENT_WITHDRAWN)
    kept.hear(*[withdrawn, of_a_purge("purge_owed", 5, "hub", "redcross", "iom")][::order])
    assert purges(kept, iom, Bucket.TO_PURGE) == purges(kept, redcross, Bucket.TO_PURGE) == [an_id("owed")]
    assert purges(kept, other, Bucket.TO_PURGE) == []
    (row,) = kept.read(work.work, iom, DAY, Bucket.TO_PURGE)
    assert (row["asked_at"], row["purge_by"]) == (NOON + 5 * MINUTE, NOON + 2 * DAY_LONG)
    kept.hear(of_a_purge("purged", 6, "iom", "redcross"))
    assert (purges(kept, iom, Bucket.TO_PURGE), purges(kept, redcross, Bucket.TO_PURGE)) == ([], [an_id("owed")])
    kept.hear(of_a_purge("purged", 7, "redcross"), of_a_purge("purge_owed", 5, "hub", "redcross", "iom"))
    assert purges(kept, redcross, Bucket.TO_PURGE) == []


def test_of_a_purge_whose_end_nobody_has_told_it_is_known_how_long_anybody_has(kept: Kept) -> None:
    told = noted("p", "purge_owed", "closed", referral_id=an_id("owed"), noted_at=NOON, awaited=("iom",))
    kept.hear(recorded("owed", 3, recipient="iom", state=ReferralState.CLOSED), says(told))
    (row,) = kept.read(work.work, Viewer("iom", coordinates=False), DAY, Bucket.TO_PURGE)
    assert row["purge_by"] == NOON + PURGE_WITHIN


def test_who_owed_a_purge_before_it_was_kept_is_known_by_what_had_been_told(kept: Kept) -> None:
    untold = noted("p", "purge_owed", "closed", referral_id=an_id("untold"), noted_at=NOON, awaited=("iom",))
    kept.hear(
        recorded("owed", 3), of_a_purge("purge_owed", 5, "hub", "redcross", "iom"),
        of_a_purge("purged", 6, "iom", "redcross"), says(untold),
    )  # fmt: skip
    with database.connect(kept.url) as connection:  # as the migration finds it
        connection.execute("delete from purge_asked")
        late = "insert into escalation values (%s, %s)"
        connection.execute(late, (an_id("owed"), NOON + 2 * DAY_LONG))
        connection.execute(late, (an_id("other"), NOON))
        connection.commit()
        connection.execute(BACKFILL.encode())
        connection.commit()
    told = {(row["referral_id"], row["organisation"]): row for row in kept.tables()["purge_asked"]}
    assert [row["referral_id"] for row in kept.tables()["escalation"]] == [an_id("other")]
    assert {id for id, _ in told} == {an_id("owed"), an_id("untold")}
    assert told[an_id("owed"), "iom"]["purged_at"] == NOON + 6 * MINUTE
    assert told[an_id("owed"), "redcross"]["purged_at"] is None
    assert told[an_id("owed"), "redcross"]["purge_by"] == NOON + 2 * DAY_LONG
    assert told[an_id("untold"), "iom"]["purge_by"] == NOON + PURGE_WITHIN


def test_coordinators_see_by_its_date_what_was_not_deleted_in_time_whatever_else_happens(kept: Kept) -> None:
    withdrawn = recorded("owed", 3, sender="redcross", recipient="iom", state=ReferralState.CONSENT_WITHDRAWN)
    kept.hear(withdrawn, of_a_purge("purge_owed", 5, "hub", "redcross", "iom"))
    late = NOON + 2 * DAY_LONG + MINUTE
    assert purges(kept, COORDINATOR, Bucket.NOT_PURGED, late - 2 * MINUTE) == []
    kept.hear(of_a_purge("escalated", 2 * 24 * 60, "hub", "redcross", "iom"))
    kept.hear(recorded("owed", 4, sender="redcross", recipient="iom", state=ReferralState.ENTERED_IN_ERROR))
    assert purges(kept, COORDINATOR, Bucket.NOT_PURGED, late) == [an_id("owed")]
    assert purges(kept, COORDINATOR, Bucket.ESCALATED, late) == []
    assert purges(kept, replace(COORDINATOR, coordinates=False), Bucket.NOT_PURGED, late) == []
    (row,) = kept.read(work.work, COORDINATOR, replace(DAY, now=late), Bucket.NOT_PURGED)
    assert (row["purge_by"], row["owed_by"]) == (NOON + 2 * DAY_LONG, ["iom", "redcross"])
    kept.hear(of_a_purge("purged", 3 * 24 * 60, "iom", "redcross"), of_a_purge("purged", 4 * 24 * 60, "redcross"))
    assert purges(kept, COORDINATOR, Bucket.NOT_PURGED, late) == []


CONFIDENTIAL: dict[str, Any] = {"confidential": True, "person_id": None, "need_id": None}


def test_of_a_confidential_case_nothing_is_kept(kept: Kept) -> None:
    kept.hear(*(recorded(name) for name in range(3)))
    before = kept.tables()
    hidden = referred("x", referral_id=an_id("hidden"), **CONFIDENTIAL)
    event = noted("x", referral_id=an_id("hidden"), confidential=True)
    owed = noted("x", "purge_owed", "consent_withdrawn", referral_id=an_id("hidden"), confidential=True)
    gbv = referred("x", need="gbv.clinical_care", referral_id=an_id("gbv"), person_id=None, need_id=None)
    consent_id = an_id(("consent", "x"))
    kept.hear(says(hidden), says(event), says(owed), says(gbv))
    kept.hear(
        consent_recorded("x", person_id=None, case_code="GBV-0001"),
        contracts.ConsentSuspended(consent_id=consent_id, suspended_at=HELD_AT, confidential=True),
        contracts.ConsentResumed(consent_id=consent_id, resumed_at=HELD_AT, confidential=True),
        contracts.ConsentEnded(
            consent_id=consent_id, reason=codes.ConsentEnd.WITHDRAWN, ended_at=HELD_AT, confidential=True
        ),
    )
    assert kept.tables() == before


def chained(service: Kept) -> list[UUID]:
    """One need that went from the Red Cross to IOM, was redirected to Americares, and on to FUVADIS."""
    parties = ("redcross", "iom"), ("redcross", "americares"), ("americares", "fuvadis")
    ids = [an_id(("chain", place)) for place in range(3)]
    facts = [
        recorded(("chain", 0), 1, sender="redcross", recipient="iom"),
        recorded(("chain", 0), 2, sender="redcross", recipient="iom", state=ReferralState.REDIRECTED,
                 new_referral_id=ids[1]),
        recorded(("chain", 1), 1, sender="redcross", recipient="americares", redirected_from=ids[0]),
        recorded(("chain", 1), 4, sender="redcross", recipient="americares", onward_referral_id=ids[2]),
        recorded(("chain", 2), 1, sender="americares", recipient="fuvadis"),
    ]  # fmt: skip
    assert [(one.data.sender, one.data.recipient) for one in (facts[0], facts[2], facts[4])] == [*parties]
    service.hear(*random.Random(1).sample(facts, len(facts)))  # noqa: S311 - no secret
    return ids


def test_a_case_is_one_need_through_all_its_referrals_and_each_party_sees_its_own_part(kept: Kept) -> None:
    first, second, third = chained(kept)
    kept.hear(recorded("another"))

    def shown(viewer: Viewer, referral_id: UUID) -> list[UUID] | None:
        case = kept.read(cases.case, viewer, referral_id)
        if case is None:
            return None
        assert {step["referral_id"] for step in case.steps} <= {row["referral_id"] for row in case.referrals}
        assert [*map(_place, case.steps)] == sorted(map(_place, case.steps))
        return [row["referral_id"] for row in case.referrals]

    for one in (first, second, third):
        assert shown(COORDINATOR, one) == [first, second, third]
    party = {name: Viewer(name, coordinates=False) for name in (*ORGANISATIONS, "fuvadis", "oportunidades")}
    assert shown(party["redcross"], first) == shown(party["redcross"], second) == [first, second]
    assert shown(party["redcross"], third) is None
    assert shown(party["iom"], first) == [first]
    assert shown(party["americares"], second) == [second, third]
    assert shown(party["fuvadis"], third) == [third]
    assert [shown(party["oportunidades"], one) for one in (first, second, third)] == [None] * 3
    assert shown(COORDINATOR, an_id("unknown")) is None


def _place(step: Any) -> tuple[Any, ...]:
    return step["changed_at"], step["referral_id"], step["sequence"]


def test_links_that_lead_in_a_circle_end(kept: Kept) -> None:
    a, b = an_id("a"), an_id("b")
    kept.hear(
        recorded("a", 2, redirected_from=b, new_referral_id=b), recorded("b", 2, redirected_from=a, new_referral_id=a)
    )
    case = kept.read(cases.case, COORDINATOR, a)
    assert case is not None
    assert {row["referral_id"] for row in case.referrals} == {a, b}
    assert len(case.referrals) == 2


def test_a_code_leads_to_what_the_viewer_may_see(kept: Kept) -> None:
    first, *_ = chained(kept)
    code = contracts.short_code(first)
    for viewer, found in ((COORDINATOR, [first]), (Viewer("iom", False), [first]), (Viewer("fuvadis", False), [])):
        assert [row["referral_id"] for row in kept.read(cases.by_code, viewer, code)] == found
    assert kept.read(cases.by_code, COORDINATOR, "0" * len(code)) == []


def test_a_service_is_called_as_its_organisation_called_it_last_wherever_a_referral_is_shown(kept: Kept) -> None:
    kept.hear(recorded("new", 1, sender="redcross", recipient="iom"))
    iom = Viewer("iom", coordinates=False)

    def named() -> set[str | None]:
        case = kept.read(cases.case, iom, an_id("new"))
        assert case is not None
        found = [
            *case.referrals, *kept.read(cases.referrals, iom, Asked()),
            *kept.read(work.work, iom, DAY, Bucket.UNDECIDED),
            *kept.read(cases.by_code, iom, contracts.short_code(an_id("new"))),
        ]  # fmt: skip
        assert len(found) == 4
        return {row["service_name"] for row in found}

    assert named() == {None}
    assert kept.read(cases.service, an_id("a service")) is None
    kept.hear(service_recorded("Consulta médica general", published_at=HELD_AT + MINUTE))
    kept.hear(service_recorded("Consulta", published_at=HELD_AT, **stated_after(9)))  # said before, and comes later
    assert named() == {"Consulta médica general"}
    kept.hear(service_recorded("Consulta médica general", published_at=HELD_AT + MINUTE, **stated_after(9)))
    service = kept.read(cases.service, an_id("a service"))
    assert service is not None
    assert (service["capacity"], service["waiting"], service["stated_at"]) == ("waiting_list", 9, HELD_AT + 9 * MINUTE)


@pytest.mark.parametrize("seed", range(4))
def test_whether_a_consent_holds_is_known_from_its_facts_in_whatever_order(kept: Kept, seed: int) -> None:
    def holds(*facts: Any) -> Standing:
        kept.forget()
        said = [says(one) for one in facts]
        random.Random(seed).shuffle(said)  # noqa: S311 - no secret
        for one in said:
            kept.hear(one)
        return standing(kept.read(cases.consent, an_id(("consent", "p"))), NOON + MINUTE * 9)

    recorded, suspended, resumed, ended = facts_of_consent("p")
    assert holds() is Standing.UNKNOWN
    assert holds(suspended) is Standing.UNKNOWN
    assert holds(recorded) is Standing.HOLDS
    assert holds(recorded, suspended) is Standing.SUSPENDED
    assert holds(recorded, suspended, resumed) is Standing.HOLDS
    assert holds(recorded, suspended, resumed, ended) is Standing.WITHDRAWN
    assert holds(consent_recorded("p", valid_from=NOON + DAY_LONG)) is Standing.NOT_YET
    assert holds(consent_recorded("p", valid_until=NOON + MINUTE)) is Standing.LAPSED
    lapsed = contracts.ConsentEnded(
        consent_id=an_id(("consent", "p")), reason=codes.ConsentEnd.LAPSED, ended_at=HELD_AT
    )
    assert holds(recorded, lapsed) is Standing.LAPSED


@pytest.mark.parametrize("order", ["before", "after"])
def test_of_an_erased_person_no_consent_is_kept(kept: Kept, order: str) -> None:
    facts = [says(one) for one in (consent_recorded("gone"), consent_recorded("other"))]
    kept.hear(*([says(erased("gone"))] if order == "before" else []), *facts)
    kept.hear(says(erased("gone")))
    kept.hear(consent_ended("gone"))
    other, gone = sorted(kept.tables()["consent"], key=lambda row: row["forgotten"])
    assert other["person_id"] == an_id("other")
    said = {name: value for name, value in gone.items() if value is not None}
    assert said == {"consent_id": an_id(("consent", "gone")), "forgotten": True}


# -- what needs somebody ---------------------------------------------------------------------------------------------


def test_only_when_the_clock_moves_a_row_changes_its_place(kept: Kept) -> None:
    kept.hear(recorded("late", 2, sender="redcross", recipient="iom"))
    iom = Viewer("iom", coordinates=False)
    due_at = HELD_AT + 2 * MINUTE + timedelta(days=1)

    def places(now: Any) -> set[Bucket]:
        day = Day(now, now.replace(hour=5), now.replace(hour=5) + timedelta(days=1))
        counted = kept.read(work.counts, iom, day)
        for bucket, many in counted.items():
            assert len(kept.read(work.work, iom, day, bucket)) == many
        return {bucket for bucket, many in counted.items() if many}

    assert places(HELD_AT) == {Bucket.UNDECIDED}
    assert places(due_at - timedelta(hours=2)) == {Bucket.UNDECIDED, Bucket.DUE_TODAY}
    assert places(due_at + MINUTE) == {Bucket.UNDECIDED, Bucket.OVERDUE}


def test_who_has_to_answer_is_shown_what_and_nobody_else_is(kept: Kept) -> None:
    parties = {"sender": "redcross", "recipient": "iom"}
    kept.hear(
        recorded("new", 1, **parties), recorded("asked", 3, **parties), recorded("done", 4, **parties),
        recorded("visit", 5, state=ReferralState.SCHEDULED, visit_at=NOON + MINUTE, **parties),
    )  # fmt: skip

    def shown(organisation: str) -> dict[Bucket, list[UUID]]:
        viewer = Viewer(organisation, coordinates=False)
        found = {one: kept.read(work.work, viewer, DAY, one) for one in Bucket}
        return {bucket: [row["referral_id"] for row in rows] for bucket, rows in found.items() if rows}

    assert shown("iom") == {Bucket.UNDECIDED: [an_id("new")], Bucket.VISITS_TODAY: [an_id("visit")]}
    assert shown("redcross") == {Bucket.ASKED: [an_id("asked")], Bucket.TO_CONFIRM: [an_id("done")]}
    assert shown("americares") == {}


def test_coordinators_see_what_nobody_answers_until_somebody_does(kept: Kept) -> None:
    kept.hear(recorded("silent", 2), says(noted("p", referral_id=an_id("silent"), noted_at=NOON + 3 * MINUTE)))

    def escalated(viewer: Viewer = COORDINATOR) -> list[UUID]:
        return [row["referral_id"] for row in kept.read(work.work, viewer, DAY, Bucket.ESCALATED)]

    assert escalated() == [an_id("silent")]
    assert escalated(replace(COORDINATOR, coordinates=False)) == []
    kept.hear(recorded("silent", 4))
    assert escalated() == []
    assert kept.read(work.counts, COORDINATOR, DAY)[Bucket.ESCALATED] == 0


def test_coordinators_see_who_sees_to_a_referral_and_when_it_was_asked_for_last(kept: Kept) -> None:
    id = an_id("silent")

    def happens(what: str, minutes: int, by: str, **more: Any) -> None:
        kept.hear(says(noted("p", what, referral_id=id, noted_at=NOON + minutes * MINUTE, noted_by=by, **more)))

    def seen_to(viewer: Viewer = COORDINATOR) -> Any:
        found = kept.read(work.seen_to, viewer, [id])
        return tuple(found[id].values()) if found else None

    kept.hear(recorded("silent", 2))
    assert seen_to() == (None, None, None)
    asked = {"organisation": "iom", "means": codes.ChaseMeans.TELEPHONE, "result": codes.ChaseResult.NOT_REACHED}
    happens("taken_on", 3, CENTRE)
    happens("taken_on", 4, "redcross", taken_over_from=CENTRE)
    happens("chased", 6, CENTRE, chased_at=NOON + 5 * MINUTE, **asked)
    assert seen_to() == ("redcross", NOON + 5 * MINUTE, CENTRE)
    assert seen_to(replace(COORDINATOR, coordinates=False)) is None
    kept.hear(recorded("silent", 7, state=ReferralState.INFO_REQUESTED))  # what was asked for then is answered
    assert seen_to() == ("redcross", None, None)
    kept.hear(recorded("silent", 8, state=ReferralState.CLOSED), recorded("silent", 9, state=ReferralState.IN_SERVICE))
    assert seen_to() == (None, None, None)


@pytest.mark.parametrize("seed", range(5))
def test_lists_and_the_page_of_a_case_name_the_same_one_who_sees_to_it(kept: Kept, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - always the same sequence
    ids = [an_id(name) for name in range(8)]
    for name in range(8):
        state = ReferralState.SENT
        kept.hear(recorded(name, 1, state=state))
        for number in range(2, 14):
            if state not in ENDED and chance.random() < 0.4:
                by, at = chance.choice([CENTRE, "redcross"]), HELD_AT + number * MINUTE
                kept.hear(says(noted("p", "taken_on", referral_id=an_id(name), noted_at=at, noted_by=by)))
            else:
                state = chance.choice([ReferralState.RECEIVED, ReferralState.IN_SERVICE, *sorted(ENDED)])
                kept.hear(recorded(name, number, state=state))

    listed = kept.read(work.seen_to, COORDINATOR, ids)

    shown = {}
    for id in ids:
        case = kept.read(cases.case, COORDINATOR, id)
        assert case is not None
        shown[id] = acting.in_charge(case, id)
    assert shown == {id: listed[id]["in_charge"] for id in ids}
    assert {*shown.values()} > {None}


def test_what_somebody_asks_to_cancel_waits_in_hoy_from_the_first_day(kept: Kept) -> None:
    due_at = NOON + 10 * DAY_LONG
    said = {"waits_for": ReminderAbout.CANCELLATION, "sender": "redcross", "recipient": "iom"}
    state = ReferralState.CANCEL_REQUESTED
    kept.hear(recorded("asked", 3, state=state, due_at=due_at, **said))
    kept.hear(recorded("late", 3, state=state, sender="redcross", recipient="iom"))  # its deadline is behind it
    for organisation, shown in (("iom", ["asked", "late"]), ("redcross", [])):
        viewer = Viewer(organisation, coordinates=False)
        found = kept.read(work.work, viewer, DAY, Bucket.TO_CANCEL)
        assert [row["referral_id"] for row in found] == [an_id(name) for name in shown]
        assert kept.read(work.counts, viewer, DAY)[Bucket.TO_CANCEL] == len(shown)


def test_the_most_pressing_comes_first(kept: Kept) -> None:
    kept.hear(*(recorded(name, name + 5, state=ReferralState.SENT, recipient="iom") for name in range(5)))
    late = replace(DAY, now=DAY.now + timedelta(days=3))
    for viewer, bucket in ((Viewer("iom", False), Bucket.OVERDUE), (COORDINATOR, Bucket.OVERDUE_ELSEWHERE)):
        rows: Sequence[Any] = kept.read(work.work, viewer, late, bucket)
        assert len(rows) == 5
        assert all(one["due_at"] < other["due_at"] for one, other in pairwise(rows))


def test_every_reason_has_a_condition() -> None:
    assert work.CONDITIONS.keys() == {*Bucket}
    assert {*codes.ReminderAbout} >= {*WAITS.values()}


def wrote(by: str, minutes: int, call_back_at: datetime | None, kind: NoteKind = NoteKind.CALL) -> Any:
    """A note on the referral `called`, after a call unless it is of another kind."""
    others = tuple(one for one in ("redcross", "iom") if one != by)
    called: dict[str, Any] = {
        "note_kind": kind,
        "call_back_at": call_back_at,
        "addressees": others,
        "noted_by": by,
    }
    noted_at = HELD_AT + minutes * MINUTE
    return says(noted("x", ReferralEvent.NOTE_ADDED, referral_id=an_id("called"), noted_at=noted_at, **called))


def called_back(kept: Kept, organisation: str, *, coordinates: bool = False) -> list[UUID]:
    """Whom an organisation is to telephone today."""
    viewer = Viewer(organisation, coordinates=coordinates)
    found = kept.read(work.work, viewer, DAY, Bucket.CALL_BACK)
    assert kept.read(work.counts, viewer, DAY)[Bucket.CALL_BACK] == len(found)
    return [row["referral_id"] for row in found]


def test_whom_somebody_telephones_again_stands_in_hoy_until_they_write_again(kept: Kept) -> None:
    kept.hear(recorded("called", 2, sender="redcross", recipient="iom"))
    at = HELD_AT + timedelta(hours=1)

    def due(organisation: str, *, coordinates: bool = False) -> list[UUID]:
        return called_back(kept, organisation, coordinates=coordinates)

    kept.hear(wrote("iom", 1, at), wrote(CENTRE, 1, at))
    assert due("iom") == due(CENTRE, coordinates=True) == [an_id("called")]
    assert due("redcross") == due(CENTRE) == []
    kept.hear(wrote("iom", 3, None), wrote("iom", 2, at))  # in whatever order
    assert due("iom") == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_note_that_is_of_no_call_takes_no_promised_call_back(kept: Kept, order: int) -> None:
    kept.hear(recorded("called", 2, sender="redcross", recipient="iom"))
    promised, note = wrote("iom", 1, HELD_AT + timedelta(hours=1)), wrote("iom", 2, None, NoteKind.NOTE)
    for one in (promised, note)[::order]:
        kept.hear(one)
    assert called_back(kept, "iom") == [an_id("called")]
    kept.hear(wrote("iom", 3, None))
    assert called_back(kept, "iom") == []


@pytest.mark.parametrize("state", [*ReferralState])
def test_nobody_is_to_telephone_where_nothing_may_be_written_any_more(kept: Kept, state: ReferralState) -> None:
    at = HELD_AT + timedelta(hours=1)
    kept.hear(recorded("called", 2, sender="redcross", recipient="iom", state=state), wrote("iom", 1, at))
    assert called_back(kept, "iom") == ([an_id("called")] if state in NOTED_IN else [])


@pytest.mark.parametrize("order", ["before", "after"])
def test_nobody_is_to_telephone_whose_data_is_to_be_deleted(kept: Kept, order: str) -> None:
    kept.hear(recorded("called", 2, sender="redcross", recipient="iom", state=ReferralState.CLOSED))
    owed = noted("x", ReferralEvent.PURGE_OWED, referral_id=an_id("called"), noted_at=HELD_AT + 2 * MINUTE)
    said = [wrote("iom", 1, HELD_AT + timedelta(hours=1)), says(owed)]
    for one in said if order == "before" else said[::-1]:
        kept.hear(one)
    assert called_back(kept, "iom") == []
    (row,) = kept.tables()["call_back"]
    assert row["call_back_at"] is None
