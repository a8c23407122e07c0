"""What was published is said again after a dry run: those alone, at a rate, by two people where it is much."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import uuid7
from deploy.local import Stack, status
from hub.gateway.audit.words import ACTS
from hub.monitor.mending import operations, replays
from hub.monitor.mending.replays import Selection
from messaging import database, erasure, outbox
from messaging.broker import Publication
from messaging.transaction import transaction
from tests.hub.conftest import probe, probed
from tests.hub.monitor.replayer import (
    ELSEWHERE,
    FIRST,
    SECOND,
    STATUS,
    TO_REDCROSS,
    WHY,
    Replayer,
    code_of,
    ids,
    replayer,
    sums,
)
from tests.messaging.harness import service_published, wait_until

__all__ = ["probe", "probed", "replayer"]

FACT = "consent.recorded.v1"


# -- the dry run -------------------------------------------------------------------------------------------------------


def test_a_dry_run_binds_what_is_of_a_contract_an_organisation_and_a_time(replayer: Replayer) -> None:
    replayer.publish(3)
    replayer.publish(2, f"to.iom.{STATUS}")
    replayer.publish(4, FACT)
    replayer.publish(1, f"to.redcross.message.refused.v1.{STATUS}")
    replayer.publish(5, days_ago=0.5)

    assert replayer.plan().sum_of("selected") == 5
    assert replayer.plan(hours=24).sum_of("selected") == 10
    assert replayer.plan(organisation="redcross").sum_of("selected") == 3
    assert replayer.plan(organisation="iom").sum_of("selected") == 2
    assert replayer.plan(FACT, "hub").sum_of("selected") == 4
    planned = replayer.plan("message.refused.v1", "redcross")
    (part,) = planned.parts
    assert (part.selected, part.bytes, planned.is_started) == (1, part.largest, False)
    assert part.selection is not None
    assert (part.selection["contract"], part.selection["organisation"]) == ("message.refused.v1", "redcross")
    (one,) = replays.messages(replayer.databases["probe"], planned.operation_id)
    assert (one.contract, one.size, one.result) == ("message.refused.v1", part.bytes, None)
    assert one.message_id is None  # chosen by an organisation: of a confidential case that would say whose it is


def test_by_an_organisation_whole_hours_are_chosen_for_a_moment_would_say_whose_it_is(replayer: Replayer) -> None:
    replayer.publish(2)
    since = datetime.now(UTC) + timedelta(milliseconds=1)
    moment = Selection(STATUS, "redcross", since, since + timedelta(milliseconds=1))

    planned = replays.plan(replayer.databases, uuid7(), FIRST, moment)

    (selection,) = [one.selection for one in planned.parts]
    assert selection is not None
    ends = [datetime.fromisoformat(selection[name] or "") for name in ("since", "until")]
    assert [(one.minute, one.second, one.microsecond) for one in ends] == [(0, 0, 0)] * 2
    assert ends[0] <= moment.since < moment.until <= ends[1]
    exact = replays.plan(replayer.databases, uuid7(), FIRST, Selection(STATUS, None, moment.since, moment.until))
    assert exact.sum_of("selected") == 0


def test_what_is_not_out_yet_is_not_said_again_and_nonsense_is_refused(replayer: Replayer) -> None:
    replayer.publish(2)
    replayer.probe.query("update outbox_writer set published = published - 1")
    assert replayer.plan().sum_of("selected") == 1
    assert code_of(lambda: replayer.plan("no.such.v1")) == "unknown_contract"
    assert code_of(lambda: replayer.plan(organisation="María Pérez")) == "unknown_organisation"
    assert code_of(lambda: replayer.plan(hours=-1)) == "no_time"
    assert code_of(lambda: replayer.start(replayer.plan(FACT))) == "nothing_selected"
    with_failures = replayer.plan()
    assert code_of(
        lambda: operations.start(
            replayer.databases, with_failures.operation_id, with_failures.digest, FIRST, WHY, replayer.recorded.append
        )
    ) == "unknown_operation"  # fmt: skip


def test_of_far_too_many_nothing_is_bound(replayer: Replayer) -> None:
    replayer.publish(1)
    replayer.probe.query(f"""
        insert into outbox (writer, routing_key, message_id, body)
        select writer, '{TO_REDCROSS}', gen_random_uuid(), '{{}}' from outbox cross join generate_series(1, 60000)
    """)
    replayer.probe.query("create table outbox_more partition of outbox for values from (100000) to (200000)")
    replayer.probe.query(f"""
        insert into outbox (writer, routing_key, message_id, body)
        select (select writer from outbox_writer limit 1), '{TO_REDCROSS}', gen_random_uuid(), '{{}}'
        from generate_series(1, 60000)
    """)
    replayer.probe.query("update outbox_writer set committed = 130000, published = 130000")

    assert code_of(replayer.plan) == "too_many"
    assert replayer.probe.query("select from replayed") == []


def test_a_service_whose_outbox_is_away_or_not_for_operators_is_left_out(replayer: Replayer, databases: Stack) -> None:
    replayer.publish(1)
    replayer.databases["gateway"] = databases.operator_database_url("gateway")
    replayer.databases["referrals"] = databases.operator_database_url("referrals") + "_away"

    planned = replayer.plan()

    assert ([one.service for one in planned.parts], [*planned.unseen]) == (["probe"], ["referrals"])


# -- saying it ---------------------------------------------------------------------------------------------------------


def test_each_is_said_once_more_in_its_order_and_the_sums_are_those_of_the_dry_run(replayer: Replayer) -> None:
    said = replayer.publish(7)
    others = replayer.publish(3, f"to.redcross.message.refused.v1.{STATUS}")
    replayer.probe.relay().start()
    planned = replayer.plan()
    later = replayer.publish(2)

    assert sums(replayer.start(planned)) == {"remaining": 7}
    wait_until(lambda: sums(replayer.look(planned)) == {"said": 7})

    assert replayer.came(7) == ids(said)
    assert not {*others, *later} & {*said}
    of_each = replays.messages(replayer.databases["probe"], planned.operation_id)
    assert [(one.message_id, one.result) for one in of_each] == [(id, "said") for id in said]


def test_a_reader_that_has_it_drops_it_and_one_that_lost_it_takes_it(replayer: Replayer) -> None:
    known, lost = (service_published() for _ in range(2))
    with database.connect(replayer.probe.database_url) as connection:
        writer = outbox.open_writer(connection, "test")
        said = [Publication("hub", one.type, one.to_json(), one.id) for one in (known, lost)]
        committed = outbox.write(connection, writer, said, outbox.Tally())
        connection.commit()
        outbox.mark(connection, writer, committed().position)
    replayer.probe.service().start()
    replayer.probe.send(known)
    wait_until(lambda: replayer.probe.notes() == [known.id])
    replayer.probe.relay().start()

    started = replayer.start(replayer.plan(known.type))

    wait_until(lambda: replayer.probe.notes() == [known.id, lost.id])
    wait_until(lambda: sums(replayer.look(started)) == {"said": started.sum_of("selected")})
    wait_until(lambda: replayer.probe.counted("repeated") > 0)
    assert replayer.probe.notes() == [known.id, lost.id]


def test_the_rate_is_kept(replayer: Replayer) -> None:
    replayer.publish(60)
    replayer.probe.relay().start()
    began = time.monotonic()

    started = replayer.start(replayer.plan(), rate=20)
    wait_until(lambda: sums(replayer.look(started)) == {"said": 60})

    assert time.monotonic() - began >= 2.5  # 20 a second, of which one second's worth may go at once
    times = [one.at for one in replays.messages(replayer.databases["probe"], started.operation_id)]
    for since in {*times}:
        assert since is not None
        within = [one for one in times if one is not None and 0 <= (one - since).total_seconds() < 1]
        assert len(within) <= 41


def test_stop_stops_and_what_was_stopped_goes_on(replayer: Replayer) -> None:
    said, besides = replayer.publish(50), replayer.publish(1, f"to.redcross.message.refused.v1.{STATUS}")
    replayer.probe.relay().start()
    started = replayer.start(replayer.plan(), rate=10)
    wait_until(lambda: replayer.look(started).sum_of("said") >= 5)

    stopped = replayer.stop(started)
    assert stopped.sum_of("remaining") == 0
    other = replayer.start(replayer.plan("message.refused.v1"), rate=1)  # its turn comes in a second
    wait_until(lambda: sums(replayer.look(other)) == {"said": 1})
    rests = replayer.look(started)
    assert rests.sum_of("stopped") >= 20
    assert sums(rests) == {"said": rests.sum_of("said"), "stopped": rests.sum_of("stopped")}
    assert replayer.came(rests.sum_of("said") + 1) == ids([*said[: rests.sum_of("said")], *besides])

    assert sums(replayer.resume(started)).get("remaining")
    wait_until(lambda: sums(replayer.look(started)) == {"said": 50})
    assert replayer.came(50 - rests.sum_of("said")) == ids(said[rests.sum_of("said") :])
    assert code_of(lambda: replayer.resume(replayer.plan())) == "unknown_operation"


@pytest.mark.parametrize(("point", "twice"), [("after_publish", True), ("before_mark", True), ("after_mark", False)])
def test_a_relay_killed_in_the_middle_says_the_rest_and_no_more_than_one_turn_twice(
    replayer: Replayer, tmp_path: Path, point: str, twice: bool
) -> None:
    said = replayer.publish(60)
    kill = tmp_path / "kill"
    kill.write_text(point)
    relay = replayer.probe.relay(tampered={"KILL_FILE": str(kill)}).start()
    started = replayer.start(replayer.plan(), rate=40)
    relay.exit_code()
    assert sums(replayer.look(started)).get("remaining")

    replayer.probe.relay().start()
    wait_until(lambda: sums(replayer.look(started)) == {"said": 60})

    came = replayer.came(60)
    assert came.keys() == ids(said).keys()
    assert max(came.values()) == (2 if twice else 1)
    assert sum(came.values()) - len(came) <= 40


def test_what_was_started_in_one_service_alone_is_started_in_the_other_by_the_same_call(
    replayer: Replayer, stack: Stack
) -> None:
    """Whoever asked was killed in between."""
    replayer.databases["referrals"] = stack.provide_operator("referrals", acts=True)
    of_nobody_else = f"to.elsewhere.{STATUS}"
    replayer.publish(3, of_nobody_else)
    replayer.publish(1, of_nobody_else, url=stack.service_database_url("referrals"))
    planned = replayer.plan(organisation="elsewhere")
    assert {one.service: one.selected for one in planned.parts} == {"probe": 3, "referrals": 1}
    (part,) = (one for one in planned.parts if one.service == "referrals")
    params = (planned.operation_id, part.digest, FIRST, WHY, 0.25, 4, False)
    assert operations.call_in(replayer.databases["referrals"], replays.START, params) == "started"

    started = replayer.start(planned, rate=1)

    assert {one.service: one.rate for one in started.parts} == {"probe": 0.75, "referrals": 0.25}
    assert replayer.start(planned).parts[0].started_at == started.parts[0].started_at
    assert replayer.stop(started).sum_of("remaining") == 0
    with database.connect(stack.service_database_url("referrals")) as connection:
        connection.execute("delete from outbox where routing_key = %s", (of_nobody_else,))
        connection.execute("delete from parked_operation where operation_id = %s", (planned.operation_id,))


# -- exactly one operation ---------------------------------------------------------------------------------------------


def test_a_double_click_and_two_tabs_say_each_once(replayer: Replayer) -> None:
    said = replayer.publish(20)
    replayer.probe.relay().start()
    planned = replayer.plan()

    threads = [threading.Thread(target=replayer.start, args=(planned,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: sums(replayer.look(planned)) == {"said": 20})
    replayer.start(planned)

    assert replayer.came(20) == ids(said)


def test_two_people_with_a_dry_run_each_say_it_once(replayer: Replayer) -> None:
    said = replayer.publish(20)
    plans = [replayer.plan(by=by) for by in (FIRST, SECOND)]
    told: list[str] = []

    def start(place: int) -> None:
        try:
            replayer.start(plans[place], (FIRST, SECOND)[place])
            told.append("started")
        except operations.MendingError as error:
            told.append(error.code)

    threads = [threading.Thread(target=start, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["changed_since", "started"]

    replayer.probe.relay().start()
    assert replayer.came(20) == ids(said)
    late = next(one for one in plans if not replayer.look(one).is_started)
    wait_until(lambda: sum(replayer.look(one).sum_of("said") for one in plans) == 20)
    assert code_of(lambda: replayer.start(late)) == "changed_since"
    again = replayer.start(replayer.plan())  # who has seen what was said, and wants it once more, says so anew
    wait_until(lambda: sums(replayer.look(again)) == {"said": 20})


# -- much --------------------------------------------------------------------------------------------------------------


def test_above_a_thousand_a_second_person_starts_it_with_the_reason_and_the_rate_of_the_first(
    replayer: Replayer,
) -> None:
    replayer.publish(1001)
    planned = replayer.plan()
    assert code_of(lambda: replayer.start(planned)) == "second_person"
    assert code_of(lambda: replayer.start(planned, SECOND)) == "second_person"  # nobody has asked for it

    replayer.ask(planned, rate=400)
    replayer.ask(planned, rate=900)  # what the second person has read by now stays
    assert code_of(lambda: replayer.start(planned)) == "second_person"
    assert code_of(lambda: replayer.start(planned, ELSEWHERE)) == "second_person"  # who may be the first one
    assert code_of(lambda: replayer.ask(planned, SECOND)) == "asked_by_another"
    assert [one.operation_id for one in replays.listed(replayer.databases)] == [planned.operation_id]
    started = replayer.start(planned, SECOND, why="")

    (part,) = started.parts
    assert (part.why, part.rate, part.asked_by, part.started_by) == (WHY, 400, FIRST, SECOND)
    assert not part.review_due
    replayer.stop(started)


def test_many_small_replays_of_one_person_within_an_hour_are_one_large_one(replayer: Replayer) -> None:
    replayer.publish(501)
    replayer.probe.relay().start()
    first = replayer.start(replayer.plan())
    wait_until(lambda: sums(replayer.look(first)) == {"said": 501})

    again = replayer.plan()

    assert replays.takes_two(again)
    assert code_of(lambda: replayer.start(again)) == "second_person"
    replayer.ask(again)
    started = replayer.start(again, SECOND)
    wait_until(lambda: sums(replayer.look(started)) == {"said": 501})


def test_one_alone_goes_slowly_and_it_is_shown_until_another_has_looked(replayer: Replayer) -> None:
    replayer.publish(1001)
    planned = replayer.plan()
    assert code_of(lambda: replayer.start(planned, alone=True, rate=101)) == "too_fast_alone"
    assert code_of(lambda: replayer.start(planned, alone=True, rate=100, why=" ")) == "no_reason"

    started = replayer.start(planned, alone=True, rate=100)
    replayer.stop(started)

    assert started.parts[0].review_due
    replayer.probe.query("update parked_operation set started_at = now() - interval '10 days'")
    assert [one.operation_id for one in replays.listed(replayer.databases)] == [planned.operation_id]
    (owed,) = status.read_service(replayer.probe.database_url)["reviews"]
    assert (owed["operation_id"], owed["messages"]) == (str(planned.operation_id), 1001)
    assert code_of(lambda: replayer.review(started, FIRST)) == "second_person"
    assert code_of(lambda: replayer.review(started, ELSEWHERE)) == "second_person"  # who may be the first one
    assert replayer.review(started, SECOND).parts[0].reviewed_by == SECOND
    assert replays.listed(replayer.databases) == []
    assert status.read_service(replayer.probe.database_url)["reviews"] == []


def test_the_database_holds_to_it_whoever_calls(replayer: Replayer) -> None:
    replayer.publish(1001)
    (part,) = replayer.plan().parts
    (row,) = replayer.probe.query("select operation_id from parked_operation")

    def start(by: str, rate: float, total: int, *, alone: bool) -> str:
        params = (row["operation_id"], part.digest, by, WHY, rate, total, alone)
        return operations.call_in(replayer.databases["probe"], replays.START, params)

    assert start(FIRST, 100, 1, alone=False) == "second_person"
    assert start(FIRST, 101, 1, alone=True) == "too_fast_alone"
    assert start(FIRST, 5000, 1, alone=True) == "no_rate"
    assert start("", 100, 1, alone=True) == "no_reason"


def test_up_to_a_thousand_one_is_enough_and_old_plans_are_not_started(replayer: Replayer) -> None:
    replayer.publish(1000)
    planned = replayer.plan()
    assert code_of(lambda: replayer.start(planned, rate=1001)) == "no_rate"
    assert code_of(lambda: replayer.start(planned, why="x\x1b[2J")) == "no_reason"
    started = replayer.start(planned)
    assert not started.parts[0].review_due
    replayer.stop(started)
    old = replayer.plan()
    replayer.probe.query("update parked_operation set planned_at = now() - interval '2 hours'")
    assert code_of(lambda: replayer.start(old)) == "plan_too_old"


# -- who is erased, and what is recorded -------------------------------------------------------------------------------


def forget(replayer: Replayer, person: object) -> None:
    with database.connect(replayer.probe.database_url) as connection, transaction(connection) as tx:
        erasure.forget(tx, [person])  # type: ignore[list-item]


def test_erased_people_are_left_out_and_counted_whether_the_erasure_has_come_to_the_outbox_or_not(
    replayer: Replayer,
) -> None:
    gone, pending = uuid7(), uuid7()
    kept = replayer.publish(2)
    replayer.publish(3, about=gone)
    replayer.publish(4, FACT, about=gone)
    forget(replayer, gone)
    with database.connect(replayer.probe.database_url) as connection:
        erasure.carry_out(connection)
    replayer.publish(2, about=pending)
    forget(replayer, pending)

    planned = replayer.plan()

    assert (planned.sum_of("selected"), planned.sum_of("left_out")) == (2, 5)
    assert replayer.plan(organisation="iom").sum_of("left_out") == 0
    assert replayer.plan(FACT, "hub").sum_of("left_out") == 4
    replayer.probe.relay().start()
    replayer.start(planned)
    wait_until(lambda: sums(replayer.look(planned)) == {"said": 2})
    assert replayer.came(2) == ids(kept)
    assert str(gone) not in str(replayer.probe.query("select * from outbox_erased"))


def test_who_is_erased_after_the_dry_run_is_not_said(replayer: Replayer) -> None:
    person = uuid7()
    replayer.publish(3, about=person)
    kept = replayer.publish(2)
    started = replayer.start(replayer.plan())
    forget(replayer, person)
    replayer.probe.query("delete from outbox where message_id = %s", kept[0])  # its time has come

    replayer.probe.relay().start()
    wait_until(lambda: sums(replayer.look(started)) == {"said": 1, "erased": 3, "expired": 1})
    assert replayer.came(1) == ids(kept[1:])


def test_that_somebody_was_erased_is_said_again(replayer: Replayer) -> None:
    person = uuid7()
    said = replayer.publish(1, "person.erased.v1", about=person)
    forget(replayer, person)
    planned = replayer.plan("person.erased.v1")
    assert (planned.sum_of("selected"), planned.sum_of("left_out")) == (len(said), 0)


def test_what_is_done_is_recorded_with_who_what_and_how_many(replayer: Replayer) -> None:
    replayer.publish(1001)
    planned = replayer.plan()
    replayer.ask(planned)
    started = replayer.start(planned, SECOND)
    replayer.stop(started)
    replayer.resume(started)
    replayer.stop(started)
    alone = replayer.start(replayer.plan(), alone=True, rate=1)
    replayer.stop(alone)
    replayer.review(alone, SECOND)

    acts = [one.act for one in replayer.recorded]
    assert acts == ["replay_asked", "replay_started", "mending_stopped", "replay_resumed", "mending_stopped",
                    "replay_started", "mending_stopped", "replay_reviewed"]  # fmt: skip
    assert {*acts, "replay_planned", "replays_seen"} <= ACTS.keys()
    by_two, by_one = (one for one in replayer.recorded if one.act == "replay_started")
    assert (by_two.actor, by_two.details["asked_by"], by_two.details["alone"]) == (SECOND, FIRST, False)
    assert (by_one.details["alone"], by_one.details["messages"], by_one.details["rate"]) == (True, 1001, 1)
    assert not any(WHY in one.text for one in replayer.recorded)


def test_what_cannot_be_recorded_is_not_done(replayer: Replayer) -> None:
    replayer.publish(1)
    planned = replayer.plan()

    def record(act: object) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - as it comes
        replays.start(replayer.databases, planned.operation_id, planned.digest, FIRST, WHY, 100, record)
    assert not replayer.look(planned).is_started
