"""Which alerts there are in what was read, and which of them are told: one cause, one alert."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from deploy.local.alerts import Look
from hub.monitor.alerts import ages, pages, rules, settings, telling
from hub.monitor.alerts.rules import Alert
from hub.monitor.alerts.telling import Book

AT = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)  # three in the morning, in Colombia
SETTINGS = settings.read()


def ago(**how_long: float) -> str:
    return (AT - timedelta(**how_long)).isoformat()


def well(**more: Any) -> dict[str, Any]:
    """What is read of a network in which nothing is wrong."""
    services: dict[str, dict[str, Any]] = {
        name: {"unpublished": 0, "unpublished_since": None, "parked": {}} for name in ("intake", "referrals")
    }
    heard = {
        name: {"heard": ago(hours=1), "since": ago(days=100)} for name in ("redcross", "iom", "care", "nrc", "drc")
    }
    return {
        "running": True,
        "problems": [],
        "processes": [{"name": name} for name in ("gateway", "intake", "referrals", "alerts")],
        "services": services,
        "unread": {},
        "queue_ages": {"hub/referrals": {"seconds": 0.0, "exact": True, "moved": 0.0}},
        "probes": {
            "organisations": heard,
            "referrals": {
                "overdue": 0,
                "since": None,
                "emergencies": 0,
                "overdue_emergencies": 0,
                "organisations": [],
            },
            "own_services": {"iom.events": {"organisation": "iom", "seen": ago(hours=3)}},
            "unacknowledged": {},
            "audit": {"right": True, "text": ""},
            "gaps": [],
        },
        "evaluated": ago(seconds=10),
    } | more


def with_probe(name: str, said: Any) -> dict[str, Any]:
    now = well()
    return now | {"probes": now["probes"] | {name: said}}


def problem(code: str, what: str, seen_in: str = "") -> dict[str, str]:
    return {"code": code, "what": what, "text": f"{what} is {code}.", "first": "./ruta status", "seen_in": seen_in}


def old(queue: str, seconds: float, moved: float | None = None) -> dict[str, Any]:
    return {queue: {"seconds": seconds, "exact": False, "moved": seconds if moved is None else moved}}


def told(now: Mapping[str, Any]) -> dict[str, Alert]:
    """The alerts that somebody is told of, by name."""
    return {one.name: one for one in rules.find(now, SETTINGS, AT) if not one.hidden_by}


def test_where_nothing_is_wrong_there_is_no_alert() -> None:
    assert rules.find(well(), SETTINGS, AT) == []
    assert rules.unseen(well()) == []


def late(service: str) -> dict[str, Any]:
    known = well()["services"]
    return well(services=known | {service: {"unpublished": 3, "unpublished_since": ago(minutes=5), "parked": {}}})


overdue = {
    "overdue": 2, "since": ago(minutes=20), "emergencies": 3, "overdue_emergencies": 1, "organisations": ["-", "iom"],
}  # fmt: skip
ONE_OF_EACH = {
    "network_ended": {"running": False, "problems": [problem("ended", "network")]},
    "supervisor_frozen": well(problems=[problem("frozen", "supervisor")]),
    "disk_full": well(problems=[problem("disk_full", "rabbitmq")]),
    "broker_away": well(problems=[problem("away", "broker")]),
    "database_away": well(problems=[problem("no_answer", "database")]),
    "broker_alarm": well(problems=[problem("memory_alarm", "ruta@localhost")]),
    "broker_degraded": well(problems=[problem("queue_down", "referrals (hub)")]),
    "clock_apart": well(problems=[problem("clocks_apart", "the database")]),
    "broker_differs": well(problems=[problem("missing", "queue events (hub) is missing")]),
    "process_dead": well(problems=[problem("dead", "referrals")]),
    "reader_frozen": well(problems=[problem("frozen", "referrals")]),
    "monitor_dead": well(evaluated=ago(minutes=10)),
    "no_consumer": well(problems=[problem("nobody_reads", "submit.iom (network)")]),
    "queue_old": well(queue_ages=old("hub/referrals", 600)),
    "own_service_behind": well(queue_ages=old("network/inbox.iom.events", 1200)),
    "outbox_old": late("referrals"),
    "referral_overdue": with_probe("referrals", overdue),
    "reconciliation_gap": with_probe(
        "gaps", [{"from": "gateway", "to": "intake", "messages": 3, "since": ago(minutes=2)}]
    ),
    "quarantine": well(
        problems=[problem("given_up", "intake", "database")],
        services={
            "intake": {
                "unpublished": 0,
                "unpublished_since": None,
                "parked": {"quarantined": 1},
                "given_up": [["failed", "iom"]],
            }
        },
    ),
    "dead_lettered": well(problems=[problem("dead_lettered", "dead (hub)")]),
    "read_table_lag": well(queue_ages=old("hub/reports", 900)),
    "log_behind": well(queue_ages=old("hub/log", 900)),
    "audit_broken": with_probe("audit", {"right": False, "text": "Entry 7 is missing: it was removed."}),
    "emergency_used": well(problems=[problem("emergency_used", "console 0a1b2c3d")]),
    "certificate": well(problems=[problem("expired", "certificate, by processes")]),
    "process_says": well(problems=[problem("answered_401", "acting iom, by processes")]),
    "parked_much": well(problems=[problem("crowded", "intake iom")]),
    "organisation_silent": with_probe(
        "organisations", well()["probes"]["organisations"] | {"iom": {"heard": None, "since": ago(days=9)}}
    ),
    "organisation_unread": with_probe("unacknowledged", {"iom": {"organisation": "iom", "since": ago(days=3)}}),
}

# What each of these says where three emergencies wait for their answer, if the alert knows no better.
WAITS = {
    "network_ended": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "supervisor_frozen": "Nobody waits. It can wait until seven.",
    "disk_full": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "broker_away": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "database_away": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "broker_alarm": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "broker_degraded": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "clock_apart": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "broker_differs": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "process_dead": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "reader_frozen": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "monitor_dead": "Nobody waits, since 2026-11-28 07:50 UTC. It can wait until seven.",
    "no_consumer": "Waits: iom and 3 emergencies. It cannot wait until seven.",
    "queue_old": "Waits: everybody and 3 emergencies, since 2026-11-28 07:50 UTC. It cannot wait until seven.",
    "own_service_behind": "Waits: iom and 3 emergencies, since 2026-11-28 07:40 UTC. It cannot wait until seven.",
    "outbox_old": "Waits: everybody and 3 emergencies, since 2026-11-28 07:55 UTC. It cannot wait until seven.",
    "referral_overdue": (
        "Waits: an organisation in a confidential case, iom and 1 emergency, since 2026-11-28 07:40 UTC. "
        "It cannot wait until seven."
    ),
    "reconciliation_gap": "Waits: everybody and 3 emergencies, since 2026-11-28 07:58 UTC. It cannot wait until seven.",
    "quarantine": "Waits: iom and 3 emergencies. It cannot wait until seven.",
    "dead_lettered": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "read_table_lag": "Waits: 3 emergencies, since 2026-11-28 07:45 UTC. It cannot wait until seven.",
    "log_behind": "Nobody waits, since 2026-11-28 07:45 UTC. It can wait until seven.",
    "audit_broken": "Nobody waits. It can wait until seven.",
    "emergency_used": "Waits: 3 emergencies. It cannot wait until seven.",
    "certificate": "Waits: everybody and 3 emergencies. It cannot wait until seven.",
    "process_says": "Waits: iom. It can wait until seven.",
    "parked_much": "Waits: iom. It can wait until seven.",
    "organisation_silent": "Waits: iom, since 2026-11-19 08:00 UTC. It can wait until seven.",
    "organisation_unread": "Waits: iom and 3 emergencies, since 2026-11-25 08:00 UTC. It cannot wait until seven.",
}


def with_emergencies(now: Mapping[str, Any], many: int) -> dict[str, Any]:
    """The same while so many emergencies wait for their answer."""
    probes = now.get("probes", {})
    if "referrals" in probes:
        probes = probes | {"referrals": probes["referrals"] | {"emergencies": many}}
    return {**now, "probes": probes, "last_referrals": {"emergencies": many}}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_each_says_who_waits_since_when_and_whether_it_can_wait(name: str) -> None:
    (one,) = rules.find(with_emergencies(ONE_OF_EACH[name], 3), SETTINGS, AT)
    assert rules.waits(one) == WAITS[name]


def test_where_no_emergency_is_overdue_it_is_said_all_the_same_who_waits_for_a_deadline() -> None:
    (one,) = rules.find(with_probe("referrals", overdue | {"overdue_emergencies": 0}), SETTINGS, AT)
    assert one.organisations == ("-", "iom")
    assert one.can_wait


def test_of_a_certificate_that_is_served_in_its_old_form_nobody_waits() -> None:
    (one,) = rules.find(well(problems=[problem("unusable", "certificate, by processes")]), SETTINGS, AT)
    assert (one.name, one.organisations) == ("certificate", ())


def test_what_keeps_no_organisation_from_anything_names_none() -> None:
    for what in ("mail server", "audit", "database"):
        (one,) = rules.find(well(problems=[problem("failed", f"{what}, by processes")]), SETTINGS, AT)
        assert (one.name, one.organisations) == ("process_says", ())


def test_whoever_has_said_what_was_given_up_waits() -> None:
    service: dict[str, Any] = {"unpublished": 0, "unpublished_since": None, "parked": {"quarantined": 2}}
    service |= {"given_up": [["failed", "iom"], ["id_reused", "redcross"], ["failed", "hub"]]}
    found = told(well(problems=[problem("given_up", "intake", "database")], services={"intake": service}))
    assert found["quarantine"].organisations == ("iom",)


def test_there_is_a_case_of_each_alert_and_a_page() -> None:
    assert list(ONE_OF_EACH) == list(pages.read())


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_each_is_found_by_itself_and_says_what_to_do(name: str) -> None:
    found = rules.find(ONE_OF_EACH[name], SETTINGS, AT)
    assert [one.name for one in found] == [name]
    (one,) = found
    assert one.text.endswith(".")
    assert one.first


@pytest.mark.parametrize(
    ("name", "page"), [(name, page) for name, page in pages.read().items()], ids=list(pages.read())
)
def test_a_page_says_what_it_has_to(name: str, page: pages.Page) -> None:
    assert page.wait in get_args(pages.Wait)
    assert page.hides | page.hides_same <= set(pages.read()) - {name}
    text = pages.as_text(page)
    assert page.first in text
    assert all(len(line) <= 80 for line in text.splitlines() if " " in line.strip() and "First command" not in line)


# What is told, of all that is found.
HIDDEN: list[tuple[dict[str, Any], str]] = [
    (problem("away", "broker"), "broker_away"),
    (problem("dead", "rabbitmq"), "broker_away"),
    (problem("frozen", "postgres"), "database_away"),
    (problem("no_answer", "database"), "database_away"),
    (problem("disk_full", "postgres"), "disk_full"),
]


@pytest.mark.parametrize(("cause", "name"), HIDDEN, ids=[f"{cause['code']} {cause['what']}" for cause, _ in HIDDEN])
def test_with_a_server_down_nobody_is_told_of_ages_and_silence(cause: dict[str, Any], name: str) -> None:
    now = late("referrals")
    now["problems"] = [cause, problem("away", "broker, by processes"), problem("away", "database, by processes")]
    now["queue_ages"] = old("hub/referrals", 900) | old("hub/reports", 900)
    now["probes"] = now["probes"] | {
        "organisations": {"iom": {"heard": None, "since": ago(days=30)}},
        "unacknowledged": {"iom.console": {"organisation": "iom", "since": ago(days=3)}},
    }
    found = rules.find(now, SETTINGS, AT)
    assert {one.name for one in found} > {"queue_old", "outbox_old", "organisation_silent", "read_table_lag"}
    assert list(told(now)) == [name]


def test_a_broker_that_shows_itself_in_five_ways_is_one_alert() -> None:
    ways = [
        ("dead", "rabbitmq"),
        ("dead", "epmd"),
        ("away", "broker"),
        ("away", "management"),
        ("away", "broker, by processes"),
    ]
    found = told(well(problems=[problem(*one) for one in ways]))
    assert list(found) == ["broker_away"]


@pytest.mark.parametrize("cause", ["dead", "frozen"])
def test_a_dead_reader_hides_its_own_queue_and_no_other(cause: str) -> None:
    now = late("referrals") | {"problems": [problem(cause, "referrals")]}
    now["queue_ages"] = old("hub/referrals", 900) | old("hub/intake", 900)
    visible = [(one.name, one.part) for one in rules.find(now, SETTINGS, AT) if not one.hidden_by]
    assert visible == [("process_dead" if cause == "dead" else "reader_frozen", "referrals"), ("queue_old", "intake")]


def test_a_log_that_lags_keeps_nobody_waiting_and_can_wait_until_seven() -> None:
    now = with_probe("referrals", well()["probes"]["referrals"] | {"emergencies": 2})
    (alert,) = rules.find(now | {"queue_ages": old("hub/log", 900)}, SETTINGS, AT)
    assert (alert.name, alert.organisations, alert.emergencies, alert.can_wait) == ("log_behind", (), 0, True)
    assert rules.waits(alert) == "Nobody waits, since 2026-11-28 07:45 UTC. It can wait until seven."
    assert telling.is_well(Book(), [alert], AT)  # the outside watcher still hears that all is well


@pytest.mark.parametrize("cause", ["dead", "frozen"])
def test_of_a_log_that_stands_one_alert_is_told(cause: str) -> None:
    full = problem("log_full", "log", "queues")
    now = well(problems=[problem(cause, "monitor"), full], queue_ages=old("hub/log", 900))
    found = rules.find(now, SETTINGS, AT)
    assert [(one.name, one.hidden_by) for one in found] == [("monitor_dead", None), ("log_behind", "monitor_dead")]
    assert told(now)["monitor_dead"].can_wait


def test_that_the_log_is_nearly_full_is_an_alert_of_its_own_and_the_same_as_that_it_is_behind() -> None:
    full = problem("log_full", "log", "queues")
    for ages_ in ({}, old("hub/log", 900)):
        (alert,) = rules.find(well(problems=[full], queue_ages=ages_), SETTINGS, AT)
        assert (alert.key, alert.part, alert.organisations) == ("log_behind log", "monitor", ())


def test_clocks_that_are_apart_hide_what_waits_because_of_them() -> None:
    now = with_probe("referrals", overdue) | {"problems": [problem("clocks_apart", "the database")]}
    assert list(told(now)) == ["clock_apart"]


def test_nothing_hides_itself_in_a_circle() -> None:
    for name, page in pages.read().items():
        for other in page.hides:
            assert name not in pages.read()[other].hides, (name, other)


@pytest.mark.parametrize(("emergencies", "can_wait"), [(0, True), (2, False), (None, False)])
def test_what_holds_messages_up_can_wait_unless_an_emergency_does_or_nobody_knows(
    emergencies: int | None, can_wait: bool
) -> None:
    now = late("referrals")
    known = {"overdue": 0, "since": None, "emergencies": emergencies, "overdue_emergencies": 0}
    now["probes"] = {**now["probes"], "referrals": known}
    assert told(now)["outbox_old"].can_wait is can_wait


def test_while_the_database_is_away_the_emergencies_are_those_of_the_last_look() -> None:
    now = well(problems=[problem("away", "database")], last_referrals={"emergencies": 3})
    del now["probes"]["referrals"]
    alert = told(now)["database_away"]
    assert alert.emergencies == 3
    assert rules.waits(alert, ago(minutes=5)) == (
        "Waits: everybody and 3 emergencies, since 2026-11-28 07:55 UTC. It cannot wait until seven."
    )


@pytest.mark.parametrize(("cause", "name"), [("frozen", "reader_frozen"), ("dead", "process_dead")])
def test_with_a_second_process_that_works_one_that_does_not_can_wait(cause: str, name: str) -> None:
    now = with_emergencies(well(problems=[problem(cause, "referrals")]), 3)
    assert not told(now)[name].can_wait
    now["processes"].append({"name": "referrals-2"})
    assert told(now)[name].can_wait
    now["problems"].append(problem("dead", "referrals-2"))
    assert not told(now)[name].can_wait


@pytest.mark.parametrize(
    ("queue_ages", "can_wait"),
    [
        (old("hub/referrals", 0), True),  # it is empty
        (old("hub/referrals", 50), True),  # the second one has a minute to take over
        (old("hub/referrals", 900, moved=5), True),
        (old("hub/referrals", 90), False),
        (old("hub/intake", 0), False),  # nobody has counted its own
        ({}, False),
    ],
)
def test_a_second_process_stands_in_only_where_its_queue_moves_or_is_empty(
    queue_ages: dict[str, Any], can_wait: bool
) -> None:
    processes = [{"name": "referrals"}, {"name": "referrals-2"}]
    now = well(problems=[problem("frozen", "referrals")], processes=processes, queue_ages=queue_ages)
    assert told(with_emergencies(now, 3))["reader_frozen"].can_wait is can_wait
    assert told(now)["reader_frozen"].can_wait  # no emergency waits


def test_who_sends_more_than_its_share_waits_without_an_alert_while_its_queue_moves() -> None:
    moving = well(queue_ages=old("network/submit.iom", 900, moved=3))
    standing = well(queue_ages=old("network/submit.iom", 900, moved=300))
    assert told(moving) == {}
    assert told(standing)["queue_old"].organisations == ("iom",)


def test_the_end_of_a_queues_name_that_nobody_is_to_guess_is_told_to_nobody() -> None:
    secret = "31fb" * 8
    now = well(
        problems=[problem("nobody_reads", f"submit.iom.{secret} (network)")],
        queue_ages=old(f"network/submit.iom.{secret}", 900) | old(f"network/inbox.iom.{secret}", 9e5),
    )
    found = rules.find(now, SETTINGS, AT)
    assert {one.name for one in found} == {"no_consumer", "queue_old", "organisation_unread"}
    assert secret not in repr(found)


def test_of_a_service_that_an_organisation_runs_it_is_told_when_it_was_last_heard() -> None:
    now = well(queue_ages=old(f"network/inbox.iom.events.{'31fb' * 8}", 9e5))
    (alert,) = told(now).values()
    assert alert.text == (
        "iom.events, which iom runs itself, has left what is for it for 10 days; it was last heard 3 hours ago."
    )
    assert (alert.organisations, alert.first) == (("iom",), "./ruta partner show iom")


def test_each_organisation_may_be_silent_for_its_own_time(tmp_path: Any) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text("[silent]\norganisations = { iom = 600 }\n")
    now = with_probe(
        "organisations", {name: {"heard": ago(hours=2), "since": ago(days=9)} for name in ("iom", "care", "nrc")}
    )
    found = rules.find(now, settings.read(file), AT)
    assert [(one.name, one.what, one.text) for one in found] == [
        ("organisation_silent", "iom", "iom has said nothing for 2 hours.")
    ]


def test_when_most_organisations_are_silent_it_is_one_alert() -> None:
    names = ("iom", "care", "nrc", "drc", "acnur")
    heard = {name: {"heard": ago(days=9), "since": ago(days=90)} for name in names}
    found = rules.find(with_probe("organisations", heard), SETTINGS, AT)
    assert [(one.what, len(one.organisations)) for one in found] == [("most", 5)]


def test_what_cannot_be_read_is_named_and_is_no_alert() -> None:
    now = well(unread={"database referrals": "no_answer"})
    del now["probes"]["referrals"], now["probes"]["gaps"]
    assert rules.find(now, SETTINGS, AT) == []
    assert rules.unseen(now) == [
        "which referrals are past their deadline",
        "whether all that was published has arrived",
        "database referrals (no_answer)",
    ]


def test_while_a_database_cannot_be_compared_that_is_named_and_no_gap_of_it_is_called_over() -> None:
    gap = {"from": "intake", "to": "referrals", "messages": 3, "since": ago(minutes=2)}
    open_ = rules.find(with_probe("gaps", [gap, gap | {"from": "gateway", "to": "courier"}]), SETTINGS, AT)
    book = Book()
    telling.step(book, open_, set(), SETTINGS.notify, AT)

    def goes_on(*unseen: str) -> list[str]:
        now = well(gaps_unseen=[*unseen])
        telling.step(known := copy.deepcopy(book), rules.find(now, SETTINGS, AT), unread(now), SETTINGS.notify, AT)
        return sorted(one.what for one in known.open.values())

    assert goes_on("events") == []
    assert goes_on("intake") == goes_on("referrals") == ["intake to referrals"]
    assert goes_on("monitor") == goes_on("gateway") == ["gateway to courier"]
    assert rules.unseen(well(gaps_unseen=["events", "intake"])) == [
        "whether all that was published has arrived, of events and intake"
    ]


def unread(now: dict[str, Any]) -> set[str]:
    return Look(AT, now, [], {}, {}).unread


def test_of_queues_that_the_broker_has_not_counted_it_is_said_that_nobody_can_say() -> None:
    now = well(queues=[{"vhost": "hub", "name": name, "messages": None, "consumers": None} for name in ("dead", "q")])
    assert rules.find(now, SETTINGS, AT) == []
    assert rules.unseen(now) == ["what is in 2 queues that the broker has not counted"]
    assert "queues" in Look(AT, now, [], {}, {}).unread  # of what was seen there, nobody says that it is over


def queue(messages: int | None, acknowledged: int) -> list[dict[str, Any]]:
    return [{"vhost": "hub", "name": "referrals", "messages": messages, "acknowledged": acknowledged}]


def test_the_age_of_a_queue_is_at_least_the_time_since_messages_of_then_are_left() -> None:
    marks: dict[str, Any] = {}
    said = []
    for seconds, messages, taken in (
        (0, 5, 100),
        (60, 7, 103),
        (120, 9, 104),
        (180, 4, 105),
        (240, 2, 106),
        (300, 0, 108),
    ):
        marks, known = ages.turn_over(marks, queue(messages, taken), AT + timedelta(seconds=seconds), {})
        said.append((known["hub/referrals"]["seconds"], known["hub/referrals"]["exact"]))
    # At 180 s five were taken: none of the first look is left.
    assert said == [(0, False), (60, False), (120, False), (0, False), (60, False), (0, True)]


def test_of_a_queue_that_nobody_has_counted_no_age_is_known_and_what_was_known_is_kept() -> None:
    marks, _ = ages.turn_over({}, queue(5, 1000), AT, {})
    uncounted, known = ages.turn_over(marks, queue(None, 0), AT + timedelta(minutes=5), {})
    assert (uncounted, known) == (marks, {})
    _, known = ages.turn_over(uncounted, queue(5, 0), AT + timedelta(minutes=10), {})
    assert known["hub/referrals"]["seconds"] == 600


def test_a_broker_that_was_started_again_does_not_make_a_queue_young() -> None:
    marks, _ = ages.turn_over({}, queue(5, 1000), AT, {})
    _, known = ages.turn_over(marks, queue(5, 0), AT + timedelta(minutes=10), {})
    assert known["hub/referrals"]["seconds"] == 600


def test_an_age_that_the_message_log_knows_is_taken() -> None:
    _, known = ages.turn_over({}, queue(5, 0), AT, {"hub/referrals": 42.0})
    assert known["hub/referrals"] == {"seconds": 42.0, "exact": True, "moved": 0.0}


@pytest.mark.parametrize(
    ("queue", "age", "known"),
    [
        ("hub/referrals", {"seconds": 42.0, "exact": True}, 42.0),
        ("hub/referrals", {"seconds": 42.0, "exact": False}, None),  # the log says nothing
        ("network/inbox.iom", {"seconds": 42.0, "exact": False}, 42.0),
        ("network/referrals", {"seconds": 42.0, "exact": False}, 42.0),
        ("network/inbox.iom", {"seconds": 0.0, "exact": False}, None),  # nobody has looked twice
        ("hub/referrals", {"seconds": 0.0, "exact": True}, 0.0),  # it is empty
        ("hub/referrals", None, None),
    ],
)
def test_the_age_of_a_services_queue_is_known_by_the_message_log_alone_and_zero_says_that_it_is_empty(
    queue: str, age: dict[str, Any] | None, known: float | None
) -> None:
    assert ages.known(queue, age, ("intake", "referrals")) == known
