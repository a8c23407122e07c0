"""Who talks to whom is counted as the log is written, in confidential cases by nobody's name; and drawn from that."""

from datetime import timedelta
from itertools import pairwise

import contracts
from contracts import uuid7
from hub.monitor.log import counting, keeping, talking
from hub.monitor.log.talking import Failed, Talk, Talks
from hub.monitor.web.weaving import ROW, Link, links, weave
from messaging import topology
from tests.examples import confidential_request
from tests.hub.ledger import processed, refused, said, status
from tests.hub.monitor.logging import NOW, Log

READS = {name: one.reads for name, one in topology.read().services.items()}
HOUR = timedelta(hours=1)


def of(log: Log) -> Talks:
    counting.say_whole(log.connection, log.now)
    return talking.talks(log.connection, log.now)


def test_the_last_hour_stands_beside_an_hour_of_the_week(log: Log) -> None:
    accepted = contracts.ReferralAccepted(referral_id=uuid7())
    log.now = NOW
    counting.say_whole(log.connection, log.now)
    log.write(*(said(accepted, source="iom") for _ in range(94)), status("redcross"))
    log.now = NOW + timedelta(days=2)
    log.write(said(accepted, source="iom"), said(accepted, source="redcross"))

    found = of(log)

    assert found.hours == 47  # the one before the last hour is not over yet when that begins
    assert found.is_now
    assert {(one.source, one.recipient): (one.last_hour, one.week) for one in found.talks} == {
        ("iom", "-"): (1, 94), ("redcross", "-"): (1, 0), ("hub", "redcross"): (0, 1),
    }  # fmt: skip
    shown = {(one.source, one.to): one for one in links(found, READS)}
    assert shown["iom", "referrals"].mean == 2.0
    assert [key for key, one in shown.items() if one.is_gone] == [("hub", "redcross")]
    assert ("redcross", "referrals") in [key for key, one in shown.items() if one.is_new]


def test_what_fails_stands_with_who_said_it_and_which_service_said_so(log: Log) -> None:
    message = said(contracts.ReferralAccepted(referral_id=uuid7()), source="redcross")
    log.write(message)
    log.write(processed("refused", message.id, type=message.type, code="not_a_party", service="referrals"))
    log.write(refused("not_allowed", uuid7()))

    found = of(log)

    assert Failed("redcross", "referrals", message.type, 1) in found.failed
    first, second, *_ = links(found, READS)
    assert {(one.to, one.hour, one.failed) for one in (first, second)} == {("referrals", 1, 1), ("gateway", 0, 1)}


def test_of_confidential_cases_family_and_service_are_counted_alone_also_when_it_shows_later(log: Log) -> None:
    referral = uuid7()
    told = status("iom", referral)
    log.write(told)
    request = said(confidential_request(referral_id=referral), source="redcross")
    log.write(processed("refused", request.id, organisation="redcross", type=request.type, service="referrals"))
    assert {row["source"] for row in log.query("select source from flow_failed")} == {"redcross"}
    log.now += 2 * HOUR

    log.write(request)
    log.write(processed("quarantined", request.id, organisation="redcross", type=request.type, service="referrals"))

    for table in ("flow", "flow_hour"):
        rows = log.query(
            f"select source, recipient, type, count from {table} where type not like 'messages.processed%%'"
        )
        assert {(row["source"], row["recipient"]) for row in rows} == {("-", "-")}, table
        assert {row["type"] for row in rows} <= {"message", "referral", "messages"}, table
    rows = log.query("select source, service, type, sum(count)::int as many from flow_failed group by 1, 2, 3")
    assert [tuple(row.values()) for row in rows] == [("-", "referrals", "referral", 2)]
    assert {one.hour for one in links(of(log), READS) if one.source == "-" and one.to == "referrals"} == {None}


def test_what_is_counted_is_the_same_however_often_it_comes(log: Log) -> None:
    message = status("redcross")
    log.write(message)
    log.write(message)

    assert [row["count"] for row in log.query("select count from flow_hour")] == [1]


def test_where_the_log_is_behind_nothing_is_said_of_now(log: Log) -> None:
    log.write(status("redcross"))
    assert talking.talks(log.connection, log.now).until is None
    counting.say_whole(log.connection, log.now - HOUR)

    late = talking.talks(log.connection, log.now)

    assert not late.is_now
    assert [(one.hour, one.failed, one.kind) for one in links(late, READS)] == [(None, None, "")]
    whole = of(log)
    assert (whole.is_now, whole.behind_at) == (True, log.now), "what waited counts in the hour in which it was written"


def test_no_message_is_looked_at(log: Log) -> None:
    for statement in (talking.TALKS, talking.FAILED):
        params = {"hour": NOW - HOUR, "before": NOW - HOUR, "week": NOW - 169 * HOUR}
        plan = str(log.connection.execute(f"explain (format json) {statement}".encode(), params).fetchall())
        read = {part.split("'")[0] for part in plan.split("'Relation Name': '")[1:]}
        assert read <= {"flow", "flow_hour", "flow_failed"}
    log.connection.rollback()


def test_counts_are_given_up_after_their_time(log: Log) -> None:
    log.write(status("redcross"), refused("not_allowed", uuid7()))

    keeping.tidy(log.connection, log.now + keeping.FLOW_FOR + HOUR, keeping.Settings())

    for table in ("flow", "flow_hour", "flow_failed"):
        assert list(log.query(f"select * from {table}")) == [], table


def link(source: str, to: str, hour: int = 1, mean: float = 1.0, failed: int = 0) -> Link:
    return Link(source, to, "referral.accepted.v1", hour, mean, failed)


def test_every_link_has_a_row_and_no_name_stands_on_another() -> None:
    many = [link(f"organisation-{number}", ("referrals", "reports", "persons")[number % 3]) for number in range(20)]
    many += [link("iom", f"service-{number}") for number in range(20)]

    drawn = weave(many, str, lambda one: one.to)

    assert [one.y for one in drawn.threads] == sorted({one.y for one in drawn.threads})
    assert len(drawn.threads) == len(many)
    for names in (drawn.sources, drawn.targets):
        places = sorted(one.y for one in names)
        assert all(after - before >= ROW for before, after in pairwise(places))
        assert 0 < places[0] <= places[-1] < drawn.height
    of_name = {one.id: one.y for one in drawn.sources}
    assert all(one.speaks == of_name[one.link.source] for one in drawn.threads)


def test_what_goes_to_nobody_stands_with_the_words_for_it() -> None:
    drawn = weave([link("-", ""), link("iom", ""), link("iom", "referrals")], str, lambda one: one.to or one.source * 2)

    assert {one.text: one.y for one in drawn.targets} == {
        one.link.to or one.link.source * 2: one.hears for one in drawn.threads
    }
    assert {one.text for one in drawn.targets} == {"--", "iomiom", "referrals"}


def test_what_fails_comes_first_then_what_is_silent_then_what_is_new() -> None:
    talks = (
        Talk("iom", "redcross", "a.b.v1", 500, 84_000), Talk("iom", "fuvadis", "a.b.v1", 3, 0),
        Talk("iom", "americares", "a.b.v1", 0, 168), Talk("iom", "barranquilla", "a.b.v1", 1, 168),
    )  # fmt: skip
    failed = (Failed("iom", "barranquilla", "a.b.v1", 1),)

    shown = links(Talks(talks, failed, NOW, True, None, 168), {})

    assert [one.to for one in shown] == ["barranquilla", "americares", "fuvadis", "redcross"]
