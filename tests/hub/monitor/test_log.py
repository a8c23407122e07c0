"""What the log keeps of a message, and what became of it; each once, and what speaks of nobody's case."""

from uuid import UUID

import pytest

import contracts
from contracts import uuid7
from tests.examples import confidential_request, referral_requested
from tests.hub.ledger import processed, refused, said, status
from tests.hub.monitor.logging import NOW, Log


def test_a_message_is_logged_without_its_body(log: Log) -> None:
    message = status("redcross")

    assert log.write(message) == 1

    (row,) = log.query("select * from message")
    assert (row["id"], row["source"], row["organisation"], row["recipient"]) == (
        message.id,
        "hub",
        "redcross",
        "redcross",
    )
    assert (row["type"], row["subject"], row["correlation"]) == (message.type, UUID(message.subject), message.id)
    assert row["size"] == len(message.to_json())
    assert row["routing_key"] == f"to.redcross.{message.type}"


def test_what_comes_again_is_logged_once(log: Log) -> None:
    message, report = status("redcross"), processed("applied", uuid7())

    assert log.write(message, report) == 2
    assert log.write(report, message, message) == 0

    assert len(log.query("select * from message")) == 2
    assert len(log.query("select * from outcome")) == 1
    assert sum(row["count"] for row in log.query("select count from flow")) == 2


def test_what_services_say_became_of_a_message_is_kept_report_by_report(log: Log) -> None:
    one = uuid7()

    log.write(processed("waits", one, code="unknown_person"))
    log.write(processed("applied", one), processed("repeated", one))

    rows = log.query("select state, code, service, organisation from outcome order by logged_at")
    assert [(row["state"], row["code"]) for row in rows] == [("waits", "unknown_person"), ("applied", None)]


def test_what_the_gateway_refused_is_logged_as_what_never_passed(log: Log) -> None:
    one = uuid7()

    assert log.write(refused("not_allowed", one)) == 1

    (row,) = log.query("select * from message where kind = 'refused'")
    assert (row["id"], row["organisation"], row["digest"]) == (one, "redcross", bytes(32))
    (outcome,) = log.query("select * from outcome")
    assert (outcome["service"], outcome["state"], outcome["code"]) == ("gateway", "refused", "not_allowed")


def test_what_cannot_be_read_is_logged_by_its_digest(log: Log) -> None:
    assert log.write_bytes(("a.b.c", b"{"), ("a.b.c", b'["Ana"]'), ("a.b.c", b'{"id": "Ana", "type": 3}')) == 3
    assert "Ana" not in log.everything()


def test_of_a_confidential_case_the_log_shows_id_family_and_service(log: Log) -> None:
    referral = uuid7()
    request, told = said(confidential_request(referral_id=referral), source="redcross"), status("iom", referral)

    log.write(told)  # before anybody has said that it is confidential
    log.write(request)
    log.write(processed("refused", request.id, type=request.type, code="no_consent", service="referrals"))
    log.write(refused("no_consent", request.id, by="referrals", cause=request))

    shown = log.query("select * from message where confidential")
    assert {row["id"] for row in shown} >= {request.id, told.id}
    assert {(row["source"], row["organisation"], row["type"], row["subject"]) for row in shown} <= {
        ("-", "-", "referral", None), ("-", "-", "message", None),
    }  # fmt: skip
    assert {row["code"] for row in log.query("select code from outcome")} == {None}
    hidden = log.query("select * from confidential_message")
    assert {row["organisation"] for row in hidden} == {"redcross", "iom"}
    assert "no_consent" in {row["code"] for row in log.query("select code from confidential_outcome")}


def test_an_id_of_a_confidential_case_that_another_uses_again_keeps_nothing_out_and_shows_nothing(log: Log) -> None:
    request = said(confidential_request(referral_id=uuid7()), source="redcross")
    again = said(referral_requested(referral_id=uuid7()), source="iom").model_copy(update={"id": request.id})
    changed = said(referral_requested(referral_id=uuid7()), source="fuvadis")
    hidden = said(confidential_request(referral_id=uuid7()), source="fuvadis").model_copy(update={"id": changed.id})

    assert [log.write(one) for one in (request, again, request, again, changed, hidden)] == [1, 1, 0, 0, 1, 0]

    assert [row["confidential"] for row in log.query("select confidential from message")] == [True] * 3
    kept = log.query("select source from confidential_message order by arrived_at")
    assert [row["source"] for row in kept] == ["redcross", "iom", "fuvadis"]


def test_what_a_message_began_that_shows_later_to_be_confidential_is_hidden_with_it(log: Log) -> None:
    referral, other = uuid7(), uuid7()
    began = status("iom", referral)
    followed = status("iom", other).model_copy(update={"causationid": began.id, "correlationid": began.id})
    log.write(began, followed)

    log.write(said(confidential_request(referral_id=referral), source="redcross"))

    assert list(log.query("select * from message where not confidential")) == []


@pytest.mark.parametrize("known_by", ["its answer", "its id"])
def test_what_admission_refuses_hides_nothing_that_is_said_later_under_the_id_that_it_names(
    log: Log, known_by: str
) -> None:
    """Whoever guesses, or has heard of, an id that its owner has not used yet."""
    guessed, referral = uuid7(), uuid7()
    if known_by == "its id":
        log.write(refused("confidential_needs_own_key", guessed, by="gateway"))
    else:
        request = said(confidential_request(referral_id=uuid7()), source="iom")
        log.write(request)
        log.write(refused("not_allowed", guessed, by="gateway", cause=request))
    assert list(log.query("select * from message where not confidential")) == []

    theirs = said(referral_requested(referral_id=referral), source="redcross").model_copy(update={"id": guessed})
    answer = status("redcross", referral).model_copy(update={"causationid": guessed, "correlationid": guessed})
    about = status("iom", guessed)
    log.write(theirs, answer)
    log.write(processed("applied", guessed), about)

    shown = log.query("select id from message where not confidential and type <> 'messages.processed.v1'")
    assert {row["id"] for row in shown} == {theirs.id, answer.id, about.id}
    assert len(log.query("select 1 from outcome where not confidential and message_id = %s", guessed)) == 1


def test_what_speaks_of_an_erased_person_keeps_ids_that_lead_nowhere(log: Log) -> None:
    person, referral, other = uuid7(), uuid7(), status("iom")
    asked = said(referral_requested(referral_id=referral, person_id=person), source="redcross")
    recorded = status("iom", referral)
    answer = refused("no_consent", asked.id, by="referrals", cause=asked)
    log.write(asked, recorded, answer, other)
    log.write(processed("applied", asked.id, type=asked.type), processed("refused", recorded.id, type=recorded.type))
    assert {row["message_id"] for row in log.query("select message_id from failure")} == {asked.id, recorded.id}
    erased = said(contracts.PersonErased(person_id=person, erased_at=NOW))

    log.write(erased)
    log.write(status("iom", referral), erased, processed("applied", asked.id, type=asked.type))

    everything = log.everything()
    assert str(other.id) in everything
    for one in (person, referral, asked.id, recorded.id, answer.id):
        assert str(one) not in everything
    assert len(log.query("select * from message where erased")) >= 5
    together = log.query("select correlation, count(*) from message where erased group by 1 having count(*) > 1")
    assert together, "a story stays a story"
