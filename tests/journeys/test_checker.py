"""The checker finds what was lost, doubled or sent by nobody, and is content with nothing less than all of it."""

from dataclasses import replace

import pytest

from demo.accounts import Delivered, Happened, Said, Taken, Told
from demo.accounts import check as hold
from demo.checker import Effect, Evidence, Parked, Received, Referral, Refusal, Sent, Verdict, check

REQUEST = Sent("redcross", "m1", "body 1", "referral.requested.v2", confirms=1)
ACCEPTANCE = Sent("iom", "m2", "body 2", "referral.accepted.v1", confirms=1)

GOOD = Evidence(
    sent=(REQUEST, ACCEPTANCE),
    received=tuple(
        Received(party, f"{party}-{number}", deliveries=1, applied=1, referral_id="r", sequence=number)
        for party in ("redcross", "iom")
        for number in (1, 2)
    ),
    effects=(Effect("history", "r sent", "m1"), Effect("history", "r declined", "m2")),
    referrals=(Referral("r", "redcross", "iom", "declined", last_sequence=2),),
    owed=tuple((party, f"{party}-{number}") for party in ("redcross", "iom") for number in (1, 2)),
)


def findings(verdict: Verdict) -> dict[str, int]:
    return {
        name: len(getattr(verdict, name))
        for name in ("lost", "applied_twice", "nobody_sent", "unfinished", "untrue")
        if getattr(verdict, name)
    }


def test_a_day_on_which_everything_happened_once_is_good() -> None:
    verdict = check(GOOD)

    assert verdict.good
    assert (verdict.sent, verdict.applied, verdict.refused, verdict.quarantined) == (2, 2, 0, 0)


def test_a_confirmed_message_without_any_outcome_is_lost() -> None:
    assert findings(check(replace(GOOD, effects=GOOD.effects[:1]))) == {"lost": 1}


def test_a_message_whose_sender_never_heard_of_the_broker_is_lost() -> None:
    unknown = replace(REQUEST, confirms=0, unknown=True)

    assert findings(check(replace(GOOD, sent=(unknown, ACCEPTANCE)))) == {"lost": 1}


def test_two_effects_of_one_message_on_one_thing_are_one_too_many() -> None:
    assert findings(check(replace(GOOD, effects=(*GOOD.effects, GOOD.effects[0])))) == {"applied_twice": 1}


def test_one_message_may_change_several_things() -> None:
    cancelled = Effect("history", "r cancelled", "m2")

    assert check(replace(GOOD, effects=(*GOOD.effects, cancelled))).good


@pytest.mark.parametrize(
    "beside",
    [
        {"refusals": (Refusal("iom", "m2", "body 2", "not_while_accepted"),)},
        {"parked": (Parked("referrals", "m2", "body 2", "waiting", "consent_unknown"),)},
    ],
    ids=["refused", "parked"],
)
def test_a_message_that_is_applied_is_neither_refused_nor_parked(beside: dict[str, tuple[object, ...]]) -> None:
    assert findings(check(replace(GOOD, **beside))) == {"applied_twice": 1}  # type: ignore[arg-type]


def test_a_refused_message_is_accounted_for_when_its_sender_was_told() -> None:
    mistake = Sent("iom", None, "body 3", "not JSON", confirms=1)
    told = replace(GOOD, sent=(*GOOD.sent, mistake), refusals=(Refusal("iom", None, "body 3", "not_json"),))
    untold = replace(told, refusals=(Refusal("redcross", None, "body 3", "not_json"),))

    assert check(told).good
    assert check(told).refused == 1
    assert findings(check(untold)) == {"lost": 1}


def test_of_two_bodies_under_one_id_one_is_applied_and_the_other_must_be_accounted_for() -> None:
    other = replace(ACCEPTANCE, sha256="another body")
    parked = Parked("referrals", "m2", "another body", "quarantined", "id_reused")

    assert findings(check(replace(GOOD, sent=(*GOOD.sent, other)))) == {"lost": 1}
    assert check(replace(GOOD, sent=(*GOOD.sent, other), parked=(parked,))).good


def test_a_message_refused_more_often_than_it_was_sent_was_handled_twice() -> None:
    mistake = Sent("iom", None, "body 3", "not JSON", confirms=1)
    refusal = Refusal("iom", None, "body 3", "not_json")

    verdict = check(replace(GOOD, sent=(*GOOD.sent, mistake), refusals=(refusal, refusal)))

    assert findings(verdict) == {"applied_twice": 1}


def test_an_effect_of_a_message_in_nobodys_log_was_sent_by_nobody() -> None:
    assert findings(check(replace(GOOD, effects=(*GOOD.effects, Effect("person", "p", "m9"))))) == {"nobody_sent": 1}


def test_an_effect_of_a_message_that_the_broker_rejected_was_sent_by_nobody() -> None:
    rejected = replace(REQUEST, confirms=0)

    assert findings(check(replace(GOOD, sent=(rejected, ACCEPTANCE)))) == {"nobody_sent": 1}


def test_a_number_that_a_party_never_got_is_lost() -> None:
    evidence = replace(GOOD, received=GOOD.received[1:], owed=GOOD.owed[1:])

    assert findings(check(evidence)) == {"lost": 1}


def test_a_message_that_the_hub_wrote_and_nobody_got_is_lost() -> None:
    assert findings(check(replace(GOOD, owed=(*GOOD.owed, ("redcross", "a reminder"))))) == {"lost": 1}


def test_a_number_that_a_party_got_under_two_ids_is_one_too_many() -> None:
    again = replace(GOOD.received[0], message_id="another")
    evidence = replace(GOOD, received=(*GOOD.received, again), owed=(*GOOD.owed, ("redcross", "another")))

    assert findings(check(evidence)) == {"applied_twice": 1}


def test_a_delivery_that_a_party_applied_twice_is_one_too_many() -> None:
    received = (replace(GOOD.received[0], applied=2), *GOOD.received[1:])

    assert findings(check(replace(GOOD, received=received))) == {"applied_twice": 1}


def test_a_numbered_message_that_the_hub_never_wrote_was_sent_by_nobody() -> None:
    assert findings(check(replace(GOOD, owed=GOOD.owed[1:]))) == {"nobody_sent": 1}


def test_a_third_organisation_that_is_told_of_a_referral_is_a_finding() -> None:
    overheard = replace(GOOD.received[0], by="fuvadis", message_id="x")
    evidence = replace(GOOD, received=(*GOOD.received, overheard), owed=(*GOOD.owed, ("fuvadis", "x")))

    assert findings(check(evidence)) == {"nobody_sent": 1}


def test_a_referral_that_stops_on_its_way_is_unfinished_unless_its_story_stops_there() -> None:
    stopped = replace(GOOD, referrals=(replace(GOOD.referrals[0], state="accepted"),))

    assert findings(check(stopped)) == {"unfinished": 1}
    assert check(replace(stopped, waiting_allowed=frozenset({"r"}))).good


def test_repeats_are_counted_and_harm_nothing() -> None:
    twice = (replace(GOOD.received[0], deliveries=3, flagged=2), *GOOD.received[1:])

    verdict = check(replace(GOOD, received=twice, hub_redelivered=5, hub_repeated=7))

    assert verdict.good
    assert (verdict.redelivered, verdict.duplicates_suppressed) == (7, 9)


# -- what the network tells of messages, and the inboxes ---------------------------------------------------------------

HAPPENED = Happened(
    taken=(
        Taken("redcross", "applied", "referral.requested.v2"),
        Taken("redcross", "refused", "referral.accepted.v1", heard=frozenset({"not_while_sent"})),
        Taken("redcross", "outside", "need.identified.v1", heard=frozenset({"not_allowed"})),
        Taken("iom", "at the entrance", "need.identified.v1", heard_at_entrance=True),
        Taken("iom", "waits", "referral.requested.v2"),
        Taken("americares", "its own", "jornada.confirmed.v1"),
        Taken("iom", "read by two", "person.registered.v1"),
    ),
    readers={
        "referral.requested": frozenset({"referrals"}),
        "referral.accepted": frozenset({"referrals"}),
        "need.identified": frozenset({"intake"}),
        "jornada.confirmed": frozenset({"events"}),
        "person.registered": frozenset({"intake", "reports"}),
    },
    taken_in={
        "referrals": frozenset({"applied", "refused", "waits"}),
        "intake": frozenset({"read by two"}),
        "reports": frozenset({"read by two"}),
        "americares-events": frozenset({"its own"}),
    },
    parked=frozenset({("referrals", "waits")}),
    owed=frozenset({("iom", "a"), ("iom", "b"), ("redcross", "c")}),
    read={"iom": ((1, "a"), (2, "b"))},
    copies={"americares.events": "americares-events"},
)
TOLD = Told(
    said=(
        Said("redcross", "applied", "referrals", "applied"),
        Said("redcross", "refused", "referrals", "refused", "not_while_sent"),
        Said("redcross", "outside", "gateway", "refused", "not_allowed"),
        Said("iom", "waits", "referrals", "waits", "consent_unknown"),
        Said("americares", "its own", "americares.events", "handed_to"),
        Said("iom", "read by two", "intake", "applied"),
        Said("iom", "read by two", "reports", "applied"),
    ),
    delivered=(Delivered("iom", 1, "a"), Delivered("iom", 2, "b"), Delivered("redcross", 1, "c")),
    ends={"iom": 2, "redcross": 1},
)


def held(happened: Happened = HAPPENED, told: Told = TOLD) -> dict[str, int]:
    findings = hold(happened, told)
    return {name: len(found) for name, found in vars(findings).items() if found}


def instead(place: int, **changed: str | None) -> Told:
    said = list(TOLD.said)
    said[place] = replace(said[place], **changed)  # type: ignore[arg-type]
    return replace(TOLD, said=tuple(said))


def test_what_is_told_as_it_happened_is_good() -> None:
    assert held() == {}


@pytest.mark.parametrize("place", range(len(TOLD.said)))
def test_an_outcome_that_is_lost_is_found(place: int) -> None:
    assert held(told=replace(TOLD, said=TOLD.said[:place] + TOLD.said[place + 1 :])) == {"lost": 1}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (instead(0, message_id="of nobody's"), {"lost": 1, "untrue": 1}),  # applied, where nothing was
        (instead(3, state="applied", code=None), {"untrue": 1}),  # and it is still in sight
        (instead(1, state="applied", code=None), {"lost": 1}),  # its sender heard a refusal
        (instead(0, state="refused", code="not_while_sent"), {"untrue": 1}),  # its sender never heard one
        (instead(1, code="another"), {"lost": 1, "untrue": 1}),  # its sender heard another code
        (instead(0, state="quarantined", code="failed"), {"untrue": 1}),
        (instead(0, state="waits", code="consent_unknown"), {"untrue": 1}),
        (instead(5, state="handed_to"), {"untrue": 1}),  # the hub's own service is nobody else's
        (instead(6, service="referrals"), {"lost": 1, "untrue": 1}),  # one of two readers, and one that has it not
        (replace(TOLD, said=(*TOLD.said, Said("iom", "at the entrance", "intake", "refused", "x"))), {"untrue": 1}),
    ],
)
def test_an_outcome_that_is_not_so_is_found(told: Told, found: dict[str, int]) -> None:
    assert held(told=told) == found


ANSWER = Said("americares", "an answer", "redcross", "handed_to")  # by the service that it runs itself


@pytest.mark.parametrize(("inbox", "found"), [("redcross", {}), ("iom", {"untrue": 1})])
def test_what_an_organisations_own_service_answers_is_in_the_inbox_that_it_is_said_to_be_in(
    inbox: str, found: dict[str, int]
) -> None:
    delivered = Delivered(inbox, TOLD.ends[inbox] + 1, "an answer", source="americares")
    told = replace(
        TOLD,
        said=(*TOLD.said, ANSWER),
        delivered=(*TOLD.delivered, delivered),
        ends={**TOLD.ends, inbox: delivered.number},
    )
    assert held(replace(HAPPENED, read={}), told=told) == found


def test_a_message_that_never_came_to_an_organisations_own_service_was_not_handed_over() -> None:
    elsewhere = {**HAPPENED.taken_in, "americares-events": frozenset[str]()}

    assert held(replace(HAPPENED, taken_in=elsewhere)) == {"untrue": 1}


@pytest.mark.parametrize(
    ("delivered", "ends", "found"),
    [
        ((TOLD.delivered[0], TOLD.delivered[2]), TOLD.ends, {"lost": 2, "untrue": 1}),  # the last is not there
        ((*TOLD.delivered, Delivered("redcross", 2, "c")), {"iom": 2, "redcross": 2}, {"doubled": 1}),
        ((*TOLD.delivered, Delivered("redcross", 1, "d")), TOLD.ends, {"doubled": 1}),  # a number given twice
        ((*TOLD.delivered, Delivered("redcross", 3, "d")), {"iom": 2, "redcross": 3}, {"lost": 1}),  # one left out
        ((*TOLD.delivered, Delivered("redcross", 2, "d")), TOLD.ends, {"untrue": 1}),  # one never given out
    ],
)
def test_a_delivery_that_is_lost_or_doubled_and_a_number_left_out_are_found(
    delivered: tuple[Delivered, ...], ends: dict[str, int], found: dict[str, int]
) -> None:
    assert held(told=replace(TOLD, delivered=delivered, ends=ends)) == found


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (((1, "a"),), {"lost": 1}),
        (((1, "a"), (2, "b"), (2, "b")), {"doubled": 1}),
        (((1, "a"), (2, "a")), {"untrue": 1}),
        (((1, "a"), (2, "b"), (3, "c")), {"untrue": 1}),
    ],
)
def test_a_reader_that_has_not_read_each_number_once_is_found(
    read: tuple[tuple[int, str], ...], found: dict[str, int]
) -> None:
    assert held(replace(HAPPENED, read={"iom": read})) == found


def test_the_checker_of_the_day_demands_it_too() -> None:
    lost = replace(TOLD, said=TOLD.said[1:])

    assert check(replace(GOOD, happened=HAPPENED, told=TOLD)).good
    assert findings(check(replace(GOOD, happened=HAPPENED, told=lost))) == {"lost": 1}
