"""What failed is mended: in groups with one cause, after a dry run, each message once; and given back by a code."""

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import uuid7
from deploy.local import Stack
from hub.gateway.audit.store import Act
from hub.gateway.audit.words import ACTS
from hub.monitor.mending import failures, mended, operations
from hub.monitor.mending.failures import Cause
from hub.monitor.mending.operations import MendingError, Operation
from messaging import database, erasure, inbox, outcomes
from messaging.answers import Refused
from messaging.runtime import Delivery
from messaging.transaction import transaction
from tests.hub.conftest import probe, probed
from tests.hub.monitor.mender import WHY, Mender, mender, poisoned, sums
from tests.messaging.harness import service_published, wait_until
from tests.messaging.probe.service import ProbeService
from tests.waiting import eventually

__all__ = ["mender", "probe", "probed"]

ENDS = ("applied", "refused", "given_back")


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(MendingError) as raised:
        call()
    return raised.value.code


# -- a poisoned batch --------------------------------------------------------------------------------------------------


def test_a_poisoned_batch_is_one_group_and_is_mended(mender: Mender) -> None:
    batch = poisoned(12)
    mender.fail(*batch, service_published("fail"))

    found = failures.read(mender.databases)
    (other, group) = sorted(found.groups, key=lambda one: one.messages)
    assert (group.service, group.contract, group.state, group.reason) == (
        "probe", "service.published.v2", "quarantined", "failed",
    )  # fmt: skip
    assert (group.messages, group.may_be_retried, group.may_be_given_back, group.subjects) == (12, 12, 12, 12)
    assert group.senders == ("redcross",)
    assert (group.error or "").startswith("RuntimeError at service.py:")
    assert (other.messages, found.unseen) == (1, {})
    of_it = Cause("probe", group.contract, group.reason, group.error)
    assert [one.message_id for one in failures.messages(mender.databases["probe"], of_it)] == [m.id for m in batch]

    planned = mender.plan(cause=of_it)
    assert (planned.sum_of("selected"), planned.is_started) == (12, False)
    mender.mend()
    started = mender.start(planned)
    assert sums(started) == {"remaining": 12}
    mender.retry(2)

    ended = mender.look(planned)
    assert sums(ended) == {"applied": 12}
    assert (ended.parts[0].why, ended.parts[0].started_by) == (WHY, "operator:1000")
    assert sorted(mender.notes()) == [one.id for one in batch]
    assert [one.messages for one in failures.read(mender.databases).groups] == [1]
    of_each = operations.messages(mender.databases["probe"], planned.operation_id)
    assert [(one.message_id, one.was, one.result) for one in of_each] == [(m.id, "failed", "applied") for m in batch]


def test_what_fails_again_is_quarantined_again_after_few_attempts(mender: Mender) -> None:
    mender.fail(*poisoned(2))
    started = mender.start(mender.plan())

    mender.retry(2)
    assert sums(mender.look(started)) == {"remaining": 2}
    mender.retry()

    assert sums(mender.look(started)) == {"quarantined": 2}
    failed = mender.probe.query("select * from parked_outcome where operation_id = %s order by 1", started.operation_id)
    assert Counter(row["result"] for row in failed) == {"failed": 4, "quarantined": 2}
    assert not any("María" in str(row) for row in failed)
    mender.mend()
    mender.start(mender.plan())
    mender.retry()
    assert len(mender.notes()) == 2


def test_what_is_given_back_is_refused_to_its_sender_by_a_code(mender: Mender) -> None:
    batch = poisoned(3)
    mender.fail(*batch)

    started = mender.start(mender.plan("give_back"))
    mender.retry()
    mender.retry()

    assert sums(mender.look(started)) == {"given_back": 3}
    assert mender.refusals() == [(one.id, "given_back") for one in batch]
    assert mender.probe.parked() == []
    said = [one.data for one in mender.published if isinstance(one.data, contracts.MessagesProcessed)]
    assert [(group.state, group.code) for group in said[-1].groups] == [("refused", "given_back")]
    kept = mender.probe.query("select result, code, message_id, source from parked_outcome where result <> 'failed'")
    ends = [row for row in kept if row["result"] == "given_back"]
    assert [(row["message_id"], row["code"]) for row in ends] == [(one.id, "given_back") for one in batch]


def test_what_nobody_can_be_told_of_is_left_out(mender: Mender) -> None:
    of_the_hub, theirs = service_published("fail", source="hub"), service_published("fail")
    mender.fail(of_the_hub, theirs)
    mender._keep(mender.runtime.apply(ProbeService(), [Delivery(1, b"{", False)]))

    planned = mender.plan("give_back")

    assert (planned.sum_of("selected"), planned.sum_of("left_out")) == (1, 2)
    mender.start(planned)
    mender.retry()
    assert mender.refusals() == [(theirs.id, "given_back")]


def test_an_id_used_again_is_let_go_and_never_applied(mender: Mender) -> None:
    message = service_published()
    mender.send(message, service_published("another", message_id=message.id))
    assert mender.refusals() == [(message.id, "id_reused")]

    assert mender.plan("retry").sum_of("selected") == 0
    started = mender.start(mender.plan("give_back"))
    mender.retry()

    assert sums(mender.look(started)) == {"given_back": 1}
    assert mender.refusals() == [(message.id, "id_reused")]  # which was said when it came
    assert mender.notes() == [message.id]


def test_a_retry_whose_subject_has_moved_on_is_shown_as_refused(mender: Mender) -> None:
    message = service_published("fail-until-mended")
    mender.fail(message)
    mender.send(service_published(about=message.data.service_id))

    def moved_on(service: object, tx: object, message: contracts.Message) -> Sequence[contracts.Draft]:
        raise Refused("probe_moved_on")

    mender.runtime._handlers = {contracts.ServicePublished: moved_on}
    started = mender.start(mender.plan())
    mender.retry()

    assert sums(mender.look(started)) == {"refused": 1}
    (one,) = operations.messages(mender.databases["probe"], started.operation_id)
    assert (one.result, one.code) == ("refused", "probe_moved_on")


def test_what_could_not_be_read_is_registered_when_it_is_tried_again(mender: Mender) -> None:
    message = service_published()
    mender.probe.query(
        "insert into parked (state, reason, raw) values ('quarantined', 'unknown_contract', %s)", message.to_json()
    )
    mender.start(mender.plan())
    mender.retry()
    mender.send(message)

    assert mender.notes() == [message.id]


def test_bytes_that_cannot_be_read_still_are_quarantined_at_once(mender: Mender) -> None:
    mender._keep(mender.runtime.apply(ProbeService(), [Delivery(1, b"{", False)]))
    started = mender.start(mender.plan())
    mender._keep(mender.runtime.apply(ProbeService(), [Delivery(1, b"{", True)]))  # while it is tried again
    mender.retry()

    assert sums(mender.look(started)) == {"quarantined": 1}
    assert [(row["state"], row["reason"]) for row in mender.probe.parked()] == [("quarantined", "not_json")]


def test_what_waits_for_what_it_builds_on_remains_and_may_be_stopped(mender: Mender) -> None:
    about = uuid7()
    message = service_published(f"wait {about}")
    mender.send(message)
    mender.probe.query("update parked set state = 'quarantined', next_attempt_at = null, waiting_for = null, "
                       "parked_at = now() - interval '3 days', reason = 'failed'")  # fmt: skip

    started = mender.start(mender.plan())
    mender.retry()
    assert [row["state"] for row in mender.probe.parked()] == ["waiting"]  # and is not refused for having waited long
    assert sums(mender.look(started)) == {"remaining": 1}
    stopped = operations.stop(mender.databases, started.operation_id, "operator:1", mender.recorded.append)
    assert sums(stopped) == {"stopped": 1}
    assert [(row["state"], row["reason"]) for row in mender.probe.parked()] == [("quarantined", "failed")]

    mender.start(mender.plan())
    mender.send(service_published(about=about))
    mender.retry()
    assert message.id in mender.notes()


# -- exactly one effect ------------------------------------------------------------------------------------------------


def test_a_double_click_and_two_tabs_have_one_effect(mender: Mender) -> None:
    batch = poisoned(5)
    mender.fail(*batch)
    mender.mend()
    planned = mender.plan()

    threads = [threading.Thread(target=mender.start, args=(planned,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mender.retry(2)
    again = mender.start(planned)  # from the other tab, when all is done

    assert sums(again) == {"applied": 5}
    assert len(mender.notes()) == 5


@pytest.mark.parametrize("acts", [("retry", "retry"), ("retry", "give_back"), ("give_back", "retry")])
def test_of_two_people_with_the_same_messages_one_is_told_that_they_have_changed(
    mender: Mender, acts: tuple[str, str]
) -> None:
    mender.fail(*poisoned(5))
    mender.mend()
    plans = [mender.plan(act) for act in acts]
    said: list[str] = []

    def start(planned: Operation) -> None:
        try:
            mender.start(planned)
            said.append("started")
        except MendingError as error:
            said.append(error.code)

    threads = [threading.Thread(target=start, args=(one,)) for one in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mender.retry(2)

    assert sorted(said) == ["changed_since", "started"]
    assert len(mender.notes()) + len(mender.refusals()) == 5


def test_a_failure_after_the_dry_run_is_no_part_of_it(mender: Mender) -> None:
    """ServicePulse#240: archiving a group swallowed what failed later."""
    first, later = poisoned(3), poisoned(2)
    mender.fail(*first)
    planned = mender.plan("give_back")
    mender.fail(*later)

    mender.start(planned)
    mender.retry()

    assert sorted(row["message_id"] for row in mender.probe.parked()) == [one.id for one in later]
    assert sums(mender.look(planned)) == {"given_back": 3}


def test_only_what_was_planned_is_started_with_a_reason_and_by_its_digest(mender: Mender) -> None:
    mender.fail(*poisoned(2))
    planned = mender.plan()

    def start(digest: str = planned.digest, why: str = WHY, id: UUID = planned.operation_id) -> object:
        return operations.start(mender.databases, id, digest, "operator:1", why, mender.recorded.append)

    assert code_of(lambda: start(why="  ")) == "no_reason"
    assert code_of(lambda: start(why="x" * 400)) == "no_reason"
    assert code_of(lambda: start(why="mended\x1b[2J")) == "no_reason"
    assert code_of(lambda: start(digest="0" * 64)) == "not_as_planned"
    assert code_of(lambda: start(id=uuid7())) == "unknown_operation"
    assert code_of(lambda: mender.start(mender.plan(cause=Cause(reason="no_such")))) == "nothing_selected"
    assert code_of(lambda: mender.plan(cause=Cause("nowhere"))) == "unknown_service"
    mender.probe.query("update parked_operation set planned_at = now() - interval '2 hours'")
    assert code_of(start) == "plan_too_old"
    assert all(row["state"] == "quarantined" for row in mender.probe.parked())


def test_exact_ids_alone_are_planned(mender: Mender) -> None:
    batch = poisoned(3)
    mender.fail(*batch)
    ids = [row["parked_id"] for row in mender.probe.parked()]

    planned = mender.plan("give_back", ids={"probe": [ids[1], 999_999]})

    assert (planned.sum_of("selected"), planned.sum_of("left_out")) == (1, 1)
    mender.start(planned)
    mender.retry()
    assert mender.refusals() == [(batch[1].id, "given_back")]


def test_all_of_a_large_group_is_bound_and_ends(mender: Mender) -> None:
    mender.probe.query("""
        insert into parked (state, reason, error, source, message_id, type, subject, raw)
        select 'quarantined', 'failed', 'RuntimeError', 'redcross', gen_random_uuid(), 'service.published.v1',
               gen_random_uuid(), convert_to(number::text, 'UTF8')
        from generate_series(1, 3412) as number
    """)
    (group,) = failures.read(mender.databases).groups
    assert group.messages == 3412
    started = mender.start(mender.plan())
    assert sums(started) == {"remaining": 3412}
    mender.retry_until(lambda: sums(mender.look(started)) == {"quarantined": 3412})  # for these are no messages at all


def test_an_operation_is_stopped_and_what_it_has_not_come_to_lies_as_before(mender: Mender) -> None:
    mender.fail(*poisoned(3))
    before = mender.probe.query("select parked_id, state, reason, error, raw from parked order by 1")
    started = mender.start(mender.plan("give_back"))

    stopped = operations.stop(mender.databases, started.operation_id, "operator:7", mender.recorded.append)
    mender.retry()

    assert sums(stopped) == {"stopped": 3}
    assert mender.probe.query("select parked_id, state, reason, error, raw from parked order by 1") == before
    assert mender.refusals() == []
    operations.stop(mender.databases, started.operation_id, "operator:8", mender.recorded.append)
    assert mender.look(started).parts[0].stopped_by == "operator:7"


def test_one_that_was_stopped_while_it_failed_is_not_tried_again(mender: Mender) -> None:
    mender.fail(*poisoned(1))
    started = mender.start(mender.plan())
    (row,) = mender.probe.query("select *, null as act, parked_at as waits_since, false as waited_long from parked")
    operations.stop(mender.databases, started.operation_id, "operator:7", mender.recorded.append)

    mender.runtime._put_off(row, RuntimeError())

    assert [row["state"] for row in mender.probe.parked()] == ["quarantined"]
    assert sums(mender.look(started)) == {"stopped": 1}


def test_a_service_killed_in_the_middle_leaves_nothing_out_and_does_nothing_twice(mender: Mender) -> None:
    batch = [service_published("slow") for _ in range(40)]
    for one in batch:
        mender.probe.query(
            "insert into inbox (source, message_id, digest) values (%s, %s, sha256(%s))",
            one.source,
            one.id,
            one.to_json(),
        )
        row = inbox.parked_row(one.to_json(), one, "quarantined", "failed")
        with database.connect(mender.probe.database_url) as connection:
            inbox.park(connection, [row])
    process = mender.probe.service().start()
    started = mender.start(mender.plan())
    free = "select parked_id from parked for update skip locked"
    eventually(lambda: len(mender.probe.query(free)) < len(batch))  # it is in the middle of its first batch
    process.kill()
    assert sums(mender.look(started)).get("remaining")
    mender.probe.service().start()

    wait_until(lambda: sums(mender.look(started)) == {"applied": 40})
    assert sorted(mender.notes()) == [one.id for one in batch]


def test_what_was_started_in_one_service_alone_is_started_in_the_other_by_the_same_call(
    mender: Mender, stack: Stack
) -> None:
    """Whoever asked was killed in between."""
    mender.databases["referrals"] = stack.provide_operator("referrals", acts=True)
    with psycopg.connect(stack.service_database_url("referrals"), autocommit=True) as other:
        other.execute("delete from parked")
        other.execute(
            "insert into parked (state, reason, source, type, subject, raw) "
            "values ('quarantined', 'failed', 'redcross', 'service.published.v1', 'x', '{}')"
        )
        mender.fail(*poisoned(2))
        planned = mender.plan(cause=Cause(reason="failed"))
        assert {one.service: one.selected for one in planned.parts} == {"probe": 2, "referrals": 1}
        with psycopg.connect(mender.databases["referrals"], autocommit=True) as halfway:
            (part,) = (one for one in planned.parts if one.service == "referrals")
            halfway.execute(
                "select operators.start(%s, %s, 'operator:1', 'mended')", (planned.operation_id, part.digest)
            )

        assert sums(mender.start(planned)) == {"remaining": 3}
        mender.databases["referrals"] += "_not_there"
        seen = mender.look(planned)
        assert ({one.service for one in seen.parts}, [*seen.unseen]) == ({"probe"}, ["referrals"])
        assert code_of(lambda: mender.start(planned)) == "unseen"
        assert [*failures.read(mender.databases).unseen] == ["referrals"]
        other.execute("delete from parked")


# -- what is kept, and what is not -------------------------------------------------------------------------------------


def test_what_is_done_is_recorded_with_who_what_why_and_how_many(mender: Mender) -> None:
    mender.fail(*poisoned(2))
    planned = mender.plan()
    mender.start(planned)
    operations.stop(mender.databases, planned.operation_id, "operator:1", mender.recorded.append)

    first, second = mender.recorded
    assert (first.actor, first.act, first.subject) == ("operator:1000", "failures_retried", str(planned.operation_id))
    assert (first.details["services"], first.details["messages"]) == ({"probe": 2}, 2)
    assert WHY not in first.text  # no erasure reaches the audit: there is its digest, and the words in the operation
    assert (second.act, second.details) == ("mending_stopped", {"remaining": 2})
    assert {*operations.ACTS.values(), "mending_stopped"} <= ACTS.keys()


def test_what_cannot_be_recorded_is_not_done(mender: Mender) -> None:
    mender.fail(*poisoned(1))
    planned = mender.plan()

    def record(act: Act) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - as it comes
        operations.start(mender.databases, planned.operation_id, planned.digest, "operator:1", WHY, record)
    assert [row["state"] for row in mender.probe.parked()] == ["quarantined"]


def test_an_erased_person_is_in_no_outcome_and_in_no_operation(mender: Mender) -> None:
    done, waiting = poisoned(2)
    mender.fail(done, waiting)
    first = mender.plan("give_back", ids={"probe": [mender.probe.parked()[0]["parked_id"]]})
    mender.start(first, why=f"asked for by {done.subject}")
    mender.retry()
    planned = mender.plan()

    with database.connect(mender.probe.database_url) as connection:
        with transaction(connection) as tx:
            erasure.forget(tx, [UUID(done.subject), UUID(waiting.subject)])
        erasure.carry_out(connection)

    assert code_of(lambda: mender.start(planned)) == "changed_since"
    assert mender.plan().sum_of("selected") == 0
    kept = str([mender.probe.query(f"select * from {table}") for table in ("parked_outcome", "parked_operation")])
    assert done.subject not in kept
    assert waiting.subject not in kept
    assert sums(mender.look(first)) == {"given_back": 1}


def test_an_erased_person_is_in_no_outcome_of_a_message_about_something_else(mender: Mender) -> None:
    """It was about a service, and spoke of somebody by an id: of what ended, and of what was stopped."""
    person, another = uuid7(), uuid7()
    spoke = [service_published(f"fail-until-mended {written}") for written in (person, person.hex.upper(), another)]
    stays = spoke[-1]
    mender.fail(*spoke)
    stopped = mender.plan()
    mender.start(stopped)
    operations.stop(mender.databases, stopped.operation_id, "operator:1", mender.recorded.append)
    mender.start(mender.plan("give_back"))
    mender.retry()
    results = {row["result"] for row in mender.probe.query("select result from parked_outcome")}
    assert results == {"quarantined", "stopped", "given_back"}

    with database.connect(mender.probe.database_url) as connection:
        with transaction(connection) as tx:
            erasure.forget(tx, [person])
        erasure.carry_out(connection)

    rows = mender.probe.query("select subject, message_id, ids from parked_outcome")
    for one in (person, *(message.id for message in spoke[:2]), *(message.subject for message in spoke[:2])):
        assert str(one) not in str(rows)
    assert {row["message_id"] for row in rows} == {None, stays.id}
    assert {row["subject"] for row in rows} == {None, stays.subject}


def test_what_is_old_goes_though_it_stands_behind_what_stays(mender: Mender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an operation that is under way everything stays; what came after it does not wait for that."""
    monkeypatch.setattr(outcomes, "ROWS", 2)
    mender.fail(*poisoned(3))
    mender.start(mender.plan())
    (operation,) = mender.probe.query("select operation_id from parked_operation")
    mender.probe.query("update parked set next_attempt_at = 'infinity'")  # the operation does not come to its end
    mender.probe.query("update parked_outcome set operation_id = %s", operation["operation_id"])
    mender.send(*poisoned(1))
    mender.probe.query("update parked set next_attempt_at = '-infinity' where operation_id is null")
    mender.runtime.retry(ProbeService())
    mender.probe.query("update parked_outcome set at = at - interval '91 days'")

    with database.connect(mender.probe.database_url) as connection:
        outcomes.keep_house(connection)
        outcomes.keep_house(connection)

    left = mender.probe.query("select operation_id, count(distinct parked_id) as many from parked_outcome group by 1")
    assert [(row["operation_id"], row["many"]) for row in left] == [(operation["operation_id"], 3)]


def test_what_ends_by_itself_is_kept_too_and_all_of_it_for_so_many_days(
    mender: Mender, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = uuid7()
    mender.send(service_published(f"wait {about}"))
    mender.send(service_published(about=about))
    mender.retry()
    assert [row["result"] for row in mender.probe.query("select result from parked_outcome")] == ["applied"]
    mender.fail(*poisoned(1))
    mender.start(mender.plan("give_back"))
    mender.retry()
    mender.plan()

    monkeypatch.setenv("RUTA_OUTCOMES_DAYS", "10")
    tables = ("parked_outcome", "parked_operation", "parked_selected")

    def left() -> list[int]:
        with database.connect(mender.probe.database_url) as connection:
            outcomes.keep_house(connection)
        return [len(mender.probe.query(f"select 1 from {table}")) for table in tables]

    mender.probe.query("update parked_outcome set at = at - interval '9 days'")
    assert left() == [3, 2, 1]
    mender.probe.query("update parked_operation set started_at = now() - interval '11 days' where why is not null")
    mender.probe.query("update parked_operation set planned_at = now() - interval '2 days' where why is null")
    mender.probe.query("update parked_outcome set at = at - interval '2 days'")
    assert left() == [0, 0, 0]


@pytest.mark.parametrize(("said", "days"), [("", 90), ("7", 7), ("0", 90), ("-1", 90), ("99999999999", 90), ("x", 90)])
def test_how_many_days_it_is_kept_is_a_setting(said: str, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUTA_OUTCOMES_DAYS", said)
    assert outcomes.days_kept() == days


# -- any sequence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_each_message_ends_once(mender: Mender, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - always the same sequence
    sent: list[contracts.Message] = []
    plans: list[Operation] = []
    for _ in range(40):
        match chance.choice(["send", "send", "attempt", "attempt", "mend", "break", "plan", "start", "stop"]):
            case "send":
                about = chance.choice(sent).data.service_id if sent and chance.random() < 0.5 else None
                wish = chance.choice(["note", "fail-until-mended", "refuse", f"wait {about or uuid7()}"])
                sent.append(service_published(wish, about=about))
                mender.send(sent[-1])
            case "attempt":
                mender.probe.query("update parked set attempts = 9 where operation_id is null and state = 'retry'")
                mender.retry()
            case "mend":
                mender.mend()
            case "break":
                mender.probe.query("delete from counter where subject = 'mended'")
            case "plan":
                plans.append(mender.plan(chance.choice(["retry", "give_back"])))
            case "start" if plans:
                with contextlib.suppress(MendingError):  # it has changed since, or there was nothing
                    mender.start(chance.choice(plans))
            case "stop" if any(one.is_started for one in map(mender.look, plans)):
                one = chance.choice([one for one in map(mender.look, plans) if one.is_started])
                operations.stop(mender.databases, one.operation_id, "operator:1", mender.recorded.append)
        for one in plans:
            if (now := mender.look(one)).is_started:
                sums(now)

    applied, refused = Counter(mender.notes()), Counter(id for id, _ in mender.refusals())
    left = Counter(row["message_id"] for row in mender.probe.parked())
    assert applied + refused + left == Counter(one.id for one in sent)
    ends = mender.probe.query("select message_id, result from parked_outcome where result = any(%s)", list(ENDS))
    assert all(row["message_id"] in (applied if row["result"] == "applied" else refused) for row in ends)


# -- what operators see ------------------------------------------------------------------------------------------------

SEEN = {
    "parked": "parked_id state reason error attempts waiting_for source message_id type subject size digest parked_at "
    "next_attempt_at operation_id later confidential",
    "inbox": "source message_id digest received_at",
    "outbox": "position routing_key message_id source recorded_at published",
    "outbox_writer": "writer process committed published abandoned started_at changed_at received redelivered repeated "
    "applied refused parked",
    "outcome": "outcome_id parked_id operation_id result code error attempts source message_id type subject digest "
    "parked_at at confidential",
    "operation": "operation_id act planned_by planned_at selected left_out digest why started_by started_at stopped_by "
    "stopped_at applied refused quarantined given_back stopped remaining selection bytes largest rate asked_by "
    "asked_at review_due reviewed_by reviewed_at said erased expired alone_before",
    "operation_message": "operation_id parked_id was result code error at source message_id type subject confidential",
    "replayed": "operation_id position result at message_id contract size",
}
# Who sent, or is sent, which message: of confidential cases that is nobody's to read there.
NOT_SHOWN = ("outbox", "inbox")


def test_operators_see_these_columns_and_no_others_and_no_table(mender: Mender) -> None:
    mender.fail(service_published("fail Rosalba"))
    columns = """
        select table_name, column_name from information_schema.columns where table_schema = 'operators'
        order by table_name, ordinal_position
    """
    found: dict[str, list[str]] = {}
    for row in mender.probe.query(columns):
        found.setdefault(row["table_name"], []).append(row["column_name"])
    assert {name: " ".join(columns) for name, columns in found.items()} == SEEN

    of_ours = "select schemaname, tablename from pg_tables where schemaname in ('public', 'operators')"
    tables = [f"{row['schemaname']}.{row['tablename']}" for row in mender.probe.query(of_ours)]
    assert "public.parked" in tables
    with psycopg.connect(mender.databases["probe"], autocommit=True) as operator:
        for name in NOT_SHOWN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                operator.execute(f"select 1 from operators.{name}")
        for name in SEEN.keys() - NOT_SHOWN:
            assert "Rosalba" not in str(operator.execute(f"select * from operators.{name}").fetchall())
        for table in tables:
            for statement in ("select 1 from {}", "delete from {}", "truncate {}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    operator.execute(statement.format(table))
        for statement in (
            "update operators.parked set reason = 'x'", "delete from operators.inbox", "create table mine ()",
            "create table operators.mine ()", "create temporary table mine ()",
        ):  # fmt: skip
            with pytest.raises(psycopg.Error):
                operator.execute(statement)
    with psycopg.connect(mender.databases["probe"]) as operator:
        (calls,) = operator.execute("""
            select array_agg(proname::text order by proname) from pg_proc
            where pronamespace = 'operators'::regnamespace and has_function_privilege(oid, 'execute')
        """).fetchone() or ([],)
    assert calls == [
        "ask_replay", "contract_of", "dry_run", "is_of_the_runtime", "is_said_elsewhere", "may_be", "organisation_of",
        "plan_replay", "resume_replay", "review_replay", "say_again", "start", "start_replay", "stop",
    ]  # fmt: skip


def test_where_nobody_tries_again_operators_only_see(mender: Mender, databases: Stack) -> None:
    url = databases.operator_database_url("gateway")
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute("select * from operators.parked")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            operator.execute("select operators.start(gen_random_uuid(), '', 'operator:1', 'mended')")
    mender.databases["gateway"] = url
    assert code_of(lambda: mender.plan(cause=Cause("gateway"))) == "not_done_here"
    with psycopg.connect(databases.service_database_url("gateway"), autocommit=True) as gateway:
        gateway.execute("insert into parked (state, reason, raw) values ('quarantined', 'failed', 'x')")
        (group,) = failures.read(mender.databases, Cause("gateway")).groups
        gateway.execute("delete from parked")
    assert (group.messages, group.may_be_retried, group.may_be_given_back) == (1, 0, 0)
    assert mender.plan(cause=Cause()).parts[0].service == "probe"


def test_one_operator_is_let_into_no_other_database(mender: Mender, provisioned: Stack) -> None:
    elsewhere = provisioned.operator_database_url("referrals").replace("/referrals", "/probe")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(elsewhere)


# -- what was done with one message ------------------------------------------------------------------------------------


def test_what_was_done_with_a_message_is_looked_up_by_its_id(mender: Mender) -> None:
    """By whom, when, why, in which operation and with what result: the newest first, of this message alone."""
    one, other = poisoned(2)
    mender.fail(one, other)
    in_vain = mender.start(mender.plan())
    mender.retry(3)
    going_on = mender.start(mender.plan(), by="staff:s-1", why="program_mended 1.4.2")

    newest, oldest = mended.look_up(mender.databases, one.id).rows
    assert (newest.operation_id, newest.started_by, newest.why) == (
        going_on.operation_id, "staff:s-1", "program_mended 1.4.2",
    )  # fmt: skip
    assert (newest.act, newest.result, newest.at) == ("retry", None, None)
    assert (oldest.operation_id, oldest.started_by, oldest.why) == (in_vain.operation_id, "operator:1000", WHY)
    assert (oldest.service, oldest.result, oldest.code, oldest.confidential) == (
        "probe",
        "quarantined",
        "failed",
        False,
    )
    assert oldest.error is not None
    assert oldest.error.startswith("RuntimeError at ")
    assert oldest.at is not None
    assert oldest.started_at < oldest.at < newest.started_at

    mender.mend()
    mender.retry()
    assert [row.result for row in mended.look_up(mender.databases, one.id).rows] == ["applied", "quarantined"]
    assert mended.look_up(mender.databases, uuid7()).rows == ()


def test_what_may_be_done_about_a_message_is_looked_up_by_its_id_while_it_is_given_up(mender: Mender) -> None:
    one, other = poisoned(2)
    mender.fail(one, other)
    mender.send(service_published())

    (stuck,) = mended.look_up(mender.databases, one.id).stuck

    assert (stuck.service, stuck.may_be_retried, stuck.may_be_given_back) == ("probe", True, True)
    planned = mender.plan("give_back", Cause("probe"), ids={"probe": [stuck.parked_id]})
    mender.start(planned)
    mender.retry()
    assert mended.look_up(mender.databases, one.id).stuck == ()
    (stuck,) = mended.look_up(mender.databases, other.id).stuck
    mender.probe.query("update parked set source = 'hub' where message_id = %s", other.id)
    (hubs,) = mended.look_up(mender.databases, other.id).stuck
    assert hubs == replace(stuck, may_be_given_back=False)


def test_what_was_given_back_long_ago_is_looked_up_and_a_database_away_is_named(mender: Mender) -> None:
    (one,) = poisoned(1)
    mender.fail(one)
    mender.start(mender.plan("give_back"))
    mender.retry()
    for moment in ("started_at", "planned_at"):
        mender.probe.query(f"update parked_operation set {moment} = {moment} - interval '80 days'")

    found = mended.look_up({**mender.databases, "away": "postgresql://nobody@127.0.0.1:1/nothing"}, one.id)

    assert [(row.act, row.result, row.code) for row in found.rows] == [("give_back", "given_back", "given_back")]
    assert found.unseen == {"away": "away"}


def test_what_was_done_with_a_message_is_found_by_an_index(mender: Mender) -> None:
    """Among the outcomes and the operations of ninety days."""
    mender.probe.query("""
        insert into parked_operation (operation_id, act, planned_by, selected, started_by, started_at, why)
        select gen_random_uuid(), 'retry', 'operator:1', 10, 'operator:1', clock_timestamp(), 'a fault'
        from generate_series(1, 2000)
    """)
    mender.probe.query("""
        insert into parked_outcome (parked_id, operation_id, result, attempts, message_id, digest, parked_at)
        select number, operation_id, 'quarantined', 1, gen_random_uuid(), 'x', clock_timestamp()
        from parked_operation, generate_series(1, 10) as number
    """)
    mender.probe.query("""
        insert into parked (state, reason, source, message_id, type, raw)
        select 'waiting', 'failed', 'redcross', gen_random_uuid(), 'service.published.v2', number::text::bytea
        from generate_series(1, 5000) as number
    """)
    mender.probe.query("analyze parked_operation, parked_outcome, parked")
    with psycopg.connect(mender.databases["probe"]) as operator:
        plans = [
            operator.execute("explain " + question, {"message": uuid7()}).fetchall()
            for question in (mended.DONE, mended.STUCK)
        ]
    said = "\n".join(row[0] for plan in plans for row in plan)
    assert "Seq Scan on parked " not in said, said
    assert "parked_outcome_of_message" in said, said
    assert "parked_operation_pkey" in said, said
    assert "Seq Scan on parked_operation" not in said, said
    assert "Seq Scan on parked_outcome" not in said, said
