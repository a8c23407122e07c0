"""What a message comes to: applied once, refused, parked, waiting or quarantined, and never more than itself harmed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import contracts
from messaging.inbox import OUT_OF_ORDER_OF_ONE_SENDER, WAITS_AT_MOST
from tests.messaging.harness import Probe, service_published, wait_until


def noted(probe: Probe, *messages: contracts.Message) -> list[UUID]:
    """Which of these were applied, in which order, repeats included."""
    ids = [message.id for message in messages]
    rows = probe.query("select message_id from note where message_id = any(%s) order by position", ids)
    return [row["message_id"] for row in rows]


def parked(probe: Probe, message: contracts.Message) -> list[dict[str, Any]]:
    return probe.query("select * from parked where message_id = %s order by parked_id", message.id)


def is_parked(probe: Probe, message: contracts.Message, state: str) -> bool:
    return [row["state"] for row in parked(probe, message)] == [state]


def refusals(answers: list[contracts.Message]) -> list[str]:
    return [answer.data.code for answer in answers if isinstance(answer.data, contracts.MessageRefused)]


def test_a_message_delivered_twice_is_applied_and_answered_once(running: Probe) -> None:
    message, last = service_published(), service_published()

    running.send(message, message, last, message)
    answers = running.answers_to(last)

    assert noted(running, message) == [message.id]
    assert [answer.causationid for answer in answers] == [message.id, last.id]


def test_the_same_id_from_two_organisations_names_two_messages(running: Probe) -> None:
    message = service_published()
    other = service_published(message_id=message.id, source="iom")

    running.send(message, other)
    wait_until(lambda: len(noted(running, message)) == 2)

    assert parked(running, message) == []


def test_an_id_used_again_for_something_else_is_quarantined_and_refused(running: Probe) -> None:
    message = service_published()
    other = service_published("another", message_id=message.id)

    running.send(message, other)
    wait_until(lambda: is_parked(running, message, "quarantined"))
    answers = running.answers_to(message, message)

    assert noted(running, message) == [message.id]
    assert parked(running, message)[0]["reason"] == "id_reused"
    assert parked(running, message)[0]["raw"] == other.to_json()
    assert refusals(answers) == ["id_reused"]


def test_an_id_reused_within_the_hub_is_quarantined_once(running: Probe) -> None:
    message = service_published(source="hub")
    other = service_published("another", message_id=message.id, source="hub")

    running.send(message, other)
    running.answers_to(message)
    wait_until(lambda: parked(running, message))

    assert is_parked(running, message, "quarantined")


def test_a_handler_that_fails_is_tried_again_until_it_is_quarantined(running: Probe) -> None:
    message = service_published("fail")
    running.send(message)
    wait_until(lambda: is_parked(running, message, "retry"))
    # at its last attempt but one, so as not to wait for minutes
    running.query("update parked set attempts = 8, next_attempt_at = now() where message_id = %s", message.id)
    (row,) = wait_until(lambda: [row for row in parked(running, message) if row["attempts"] == 9])
    assert row["state"] == "retry"

    running.query("update parked set next_attempt_at = now() where message_id = %s", message.id)
    wait_until(lambda: is_parked(running, message, "quarantined"))

    (row,) = parked(running, message)
    assert (row["reason"], row["next_attempt_at"]) == ("failed", None)
    assert str(row["error"]).startswith("RuntimeError at service.py:")
    assert noted(running, message) == []


def test_a_failing_handler_is_tried_again_later_and_later_not_thousands_of_times_a_second(running: Probe) -> None:
    """Trap 3."""
    message = service_published("fail")
    running.send(message)

    (row,) = wait_until(lambda: [row for row in parked(running, message) if row["attempts"] >= 2])

    assert row["next_attempt_at"] - row["parked_at"] > timedelta(seconds=0.75 * (1 + 1 + 2))


def test_a_message_that_failed_is_applied_when_its_handler_is_mended(running: Probe) -> None:
    """Trap 1: what a handler raised on is not lost."""
    message = service_published("fail")
    running.send(message)
    wait_until(lambda: is_parked(running, message, "retry"))

    mended = message.to_json().replace(b'"name":"fail"', b'"name":"note"')
    running.query("update parked set raw = %s, next_attempt_at = now() where message_id = %s", mended, message.id)
    running.answers_to(message)

    assert noted(running, message) == [message.id]
    assert parked(running, message) == []


def test_bytes_that_cannot_be_read_are_quarantined(running: Probe) -> None:
    """Trap 2: nothing decodes, and drops, before our own code has it."""
    garbage = b'{"name": "Mar\\u00eda"'
    running.send_raw((garbage, str(contracts.uuid7())))

    (row,) = wait_until(lambda: running.query("select * from parked where raw = %s", garbage))

    assert (row["state"], row["reason"], row["message_id"]) == ("quarantined", "not_json", None)


def test_a_contract_without_a_handler_is_quarantined(running: Probe) -> None:
    """What a renamed handler or an unfinished deployment leaves behind can be replayed."""
    data = contracts.MessageRefused(code="some_code", body_sha256="0" * 64)
    message = contracts.stamp(contracts.Draft(data, "of-nobody"), source="hub", time=service_published().time)

    running.send(message)
    wait_until(lambda: is_parked(running, message, "quarantined"))

    assert parked(running, message)[0]["reason"] == "no_handler"


def test_a_refusal_keeps_nothing_that_was_written(running: Probe) -> None:
    gathered, fetched, last = service_published("refuse"), service_published("refuse-late"), service_published()

    running.send(gathered, fetched, last)
    answers = running.answers_to(gathered, fetched, last)

    assert noted(running, gathered, fetched, last) == [last.id]
    assert refusals(answers) == ["probe_refuses", "probe_refuses"]
    assert parked(running, gathered) == parked(running, fetched) == []


def test_a_refusal_says_which_service_refused_and_is_logged_with_ids_and_codes(running: Probe) -> None:
    message = service_published("refuse")

    running.send(message)
    (refusal,) = (one.data for one in running.answers_to(message))

    assert (refusal.code, refusal.refused_by) == ("probe_refuses", "probe")
    (line,) = [one for one in running.log_lines() if one["says"] == "refused" and one["message"] == str(message.id)]
    assert (line["code"], line["contract"], line["source"]) == ("probe_refuses", message.type, "redcross")
    assert line["digest"] == refusal.body_sha256


def test_a_refusal_is_repeated_for_no_repeat(running: Probe) -> None:
    message, last = service_published("refuse"), service_published()

    running.send(message, message, last)
    answers = running.answers_to(message, last)

    assert refusals(answers) == ["probe_refuses"]


def test_an_early_message_goes_on_when_what_it_waited_for_has_come(running: Probe) -> None:
    first = service_published()
    out_of_order = service_published(f"wait {first.subject}")
    running.send(out_of_order)
    wait_until(lambda: is_parked(running, out_of_order, "waiting"))

    running.send(first)
    answers = running.answers_to(first, out_of_order)

    assert [answer.causationid for answer in answers] == [first.id, out_of_order.id]
    assert noted(running, first, out_of_order) == [first.id, out_of_order.id]
    assert parked(running, out_of_order) == []


def test_three_messages_in_reverse_order_are_applied_in_order(running: Probe) -> None:
    first = service_published()
    second = service_published(f"wait {first.subject}")
    third = service_published(f"wait {second.subject}")

    running.send(third, second, first)
    running.answers_to(first, second, third)

    assert noted(running, first, second, third) == [first.id, second.id, third.id]


def test_what_is_said_after_a_message_that_failed_waits_behind_it(running: Probe) -> None:
    failing = service_published("fail")
    later = service_published(about=UUID(failing.subject))
    running.send(failing)
    wait_until(lambda: is_parked(running, failing, "retry"))
    running.send(later)
    wait_until(lambda: is_parked(running, later, "retry"))

    mended = failing.to_json().replace(b'"name":"fail"', b'"name":"note"')
    running.query("update parked set raw = %s, next_attempt_at = now() where message_id = %s", mended, failing.id)
    answers = running.answers_to(failing, later)

    assert [answer.causationid for answer in answers] == [failing.id, later.id]
    assert noted(running, failing, later) == [failing.id, later.id]


def test_what_is_quarantined_and_delivered_again_is_quarantined_and_refused_once(running: Probe) -> None:
    message, garbage = service_published(), (b"no message", "x")
    other = service_published("another", message_id=message.id)

    running.send(message, other, other)
    running.send_raw(garbage, garbage)
    last = service_published()
    running.send(last)
    answers = running.answers_to(message, last)

    assert is_parked(running, message, "quarantined")
    assert len(running.query("select 1 from parked where raw = %s", garbage[0])) == 1
    assert len({answer.id for answer in answers if isinstance(answer.data, contracts.MessageRefused)}) == 1


def test_a_message_that_waited_too_long_is_refused(running: Probe) -> None:
    message = service_published(f"wait {contracts.uuid7()}")
    running.send(message)
    wait_until(lambda: is_parked(running, message, "waiting"))
    running.query(
        "update parked set parked_at = parked_at - %s::interval, next_attempt_at = now() where message_id = %s",
        WAITS_AT_MOST,
        message.id,
    )

    answers = running.answers_to(message)

    assert refusals(answers) == ["service_unknown"]
    assert parked(running, message) == []
    assert noted(running, message) == []


WAITS_FOR_NOTHING = """
    insert into parked (state, reason, waiting_for, source, message_id, raw, next_attempt_at)
    select 'waiting', 'service_unknown', 'nothing that ever comes', %s, gen_random_uuid(), '', 'infinity'
    from generate_series(1, %s)
"""


@pytest.fixture
def crowded(running: Probe) -> Iterator[Probe]:
    """The probe, where all but two of the messages wait that the Red Cross may have waiting."""
    running.query("delete from parked where state = 'waiting'")
    running.query(WAITS_FOR_NOTHING, "redcross", OUT_OF_ORDER_OF_ONE_SENDER - 2)
    yield running
    running.query("delete from parked where state = 'waiting'")


def test_who_has_too_much_waiting_is_refused_what_is_early_and_nothing_else(crowded: Probe) -> None:
    out_of_order = [service_published(f"wait {contracts.uuid7()}") for _ in range(4)]
    possible = service_published()

    crowded.send(*out_of_order, possible, out_of_order[3])
    answers = crowded.answers_to(out_of_order[2], out_of_order[3], possible)

    assert refusals(answers) == ["too_many_early", "too_many_early"]
    assert [is_parked(crowded, message, "waiting") for message in out_of_order] == [True, True, False, False]
    assert noted(crowded, *out_of_order, possible) == [possible.id]


def test_what_others_have_waiting_keeps_nobody_from_waiting(crowded: Probe) -> None:
    crowded.send(*(service_published(f"wait {contracts.uuid7()}") for _ in range(3)))
    first = service_published(source="iom")
    out_of_order = service_published(f"wait {first.subject}", source="iom")
    crowded.send(out_of_order)
    wait_until(lambda: is_parked(crowded, out_of_order, "waiting"))

    crowded.send(first)
    crowded.answers_to(first, out_of_order)

    assert noted(crowded, first, out_of_order) == [first.id, out_of_order.id]
    assert parked(crowded, out_of_order) == []


def test_what_the_hub_has_said_itself_is_never_too_much(crowded: Probe) -> None:
    crowded.query(WAITS_FOR_NOTHING, "hub", OUT_OF_ORDER_OF_ONE_SENDER)
    out_of_order = service_published(f"wait {contracts.uuid7()}", source="hub")
    crowded.send(out_of_order)
    wait_until(lambda: is_parked(crowded, out_of_order, "waiting"))


def test_what_waits_already_goes_on_waiting_where_there_is_no_room_for_more(crowded: Probe) -> None:
    first = service_published()
    waiting = [service_published(f"wait {first.subject}") for _ in range(2)]
    crowded.send(*waiting)
    wait_until(lambda: all(is_parked(crowded, message, "waiting") for message in waiting))
    tried = "update parked set next_attempt_at = '-infinity' where message_id = any(%s)"
    crowded.query(tried, [message.id for message in waiting])
    later = "select 1 from parked where message_id = any(%s) and next_attempt_at > now()"
    wait_until(lambda: len(crowded.query(later, [message.id for message in waiting])) == 2)

    crowded.send(first)
    crowded.answers_to(first, *waiting)

    assert sorted(noted(crowded, *waiting)) == sorted(message.id for message in waiting)


def test_what_is_said_of_a_message_is_counted(running: Probe) -> None:
    before = {name: running.counted(name) for name in ("received", "repeated", "applied", "refused", "parked")}
    ok, refused, failing = service_published(), service_published("refuse"), service_published("fail")

    running.send(ok, ok, refused, failing)
    running.answers_to(ok, refused)
    wait_until(lambda: is_parked(running, failing, "retry"))

    after = {name: running.counted(name) for name in before}
    assert {name: after[name] - before[name] for name in before} == {
        "received": 4, "repeated": 1, "applied": 1, "refused": 1, "parked": 1,
    }  # fmt: skip


def test_what_waits_goes_on_by_what_it_waited_for_and_not_by_the_clock(probe: Probe) -> None:
    never = json.dumps({"messaging.on.RETRY_EVERY": 3600})
    probe.service(tampered={"CONSTANTS": never}).start()
    first = service_published()
    out_of_order, last = service_published(f"wait {first.subject}"), service_published(f"wait {first.subject}")
    probe.send(out_of_order, last)
    wait_until(lambda: is_parked(probe, out_of_order, "waiting") and is_parked(probe, last, "waiting"))

    probe.send(first)
    probe.answers_to(first, out_of_order, last)

    before, *woken = noted(probe, first, out_of_order, last)
    assert before == first.id
    assert sorted(woken) == sorted([out_of_order.id, last.id])
