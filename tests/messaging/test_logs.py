"""What a log line and a quarantined row say of an exception or a message: ids, codes and places, never content."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from messaging import confidential
from messaging import log as logs
from tests.messaging.harness import Probe, service_published, wait_until

NAME = "María Fernández"


@pytest.fixture
def formatted() -> Iterator[logging.Logger]:
    """A logger whose lines end up in `lines`."""
    lines.clear()
    handler = logging.Handler()
    handler.setFormatter(logs.JsonLines("a-process"))
    handler.emit = lambda record: lines.append(json.loads(handler.format(record)))  # type: ignore[method-assign]
    logger = logging.getLogger("another.library")
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


lines: list[dict[str, Any]] = []


def test_no_exception_that_names_somebody_shows_the_name_anywhere(probe: Probe) -> None:
    wishes = ("fail", "fail-in-sql", "escape", "exit", "refuse")
    sent = [service_published(f"{wish} {NAME}") for wish in wishes]
    service = probe.service(TICK="fail").start()
    probe.send(*sent, service_published(NAME))
    probe.send_raw((NAME.encode(), "x"))
    wait_until(lambda: probe.counted("parked") == 5)
    wait_until(lambda: any(row["attempts"] for row in probe.parked()))
    probe.query("alter table inbox rename to away")  # and nameko has something to say as well
    probe.send(service_published(f"fail {NAME}"))
    assert service.exit_code() == 1

    errors = [row["error"] for row in probe.parked()]
    for word in (*NAME.split(), "Mar\\u00eda", "somebody"):
        assert word not in service.log()
        assert not [error for error in errors if error and word in error]
    assert "RuntimeError at service.py" in service.log()
    assert "nameko" in service.log()


def test_what_another_library_was_working_on_is_not_shown(formatted: logging.Logger) -> None:
    formatted.error("cannot send %s to %s", NAME, "a place")
    assert lines[0]["says"] == "cannot send %s to %s"


def test_an_exception_logged_in_place_of_a_text_is_only_named(formatted: logging.Logger) -> None:
    formatted.error(ValueError(NAME))
    assert lines[0]["says"] == "ValueError"


def test_an_exception_is_described_by_its_class_and_place(formatted: logging.Logger) -> None:
    try:
        int(NAME)
    except ValueError:
        formatted.exception("it went wrong")
    assert lines[0]["exception"].startswith("ValueError at test_logs.py:")
    assert NAME not in json.dumps(lines, ensure_ascii=False)


def test_what_a_database_refuses_has_one_cause_wherever_that_is_met() -> None:
    """Of statements in a pipeline the one that happens to be next meets the answer."""

    def meets_it(name: str) -> BaseException:
        try:
            raise psycopg.errors.UniqueViolation(NAME)
        except psycopg.Error as error:
            return error

    def so_does(name: str) -> BaseException:
        return meets_it(name)

    causes = {logs.cause(meets_it(NAME)), logs.cause(so_does(NAME))}
    assert causes == {"UniqueViolation[23505]"}
    assert logs.cause(ValueError(NAME)) == logs.describe(ValueError(NAME))


def test_a_field_that_is_not_listed_is_left_out() -> None:
    record = logging.makeLogRecord({"name": "ruta.x", "msg": "said", **logs.fields(message="an id", person=NAME)})
    line = json.loads(logs.JsonLines("a-process").format(record))
    assert (line["message"], "person" in line) == ("an id", False)


def test_of_a_confidential_case_a_line_says_no_more_than_operators_see() -> None:
    said = {"code": "not_while_sent", "message": "an id", "source": "shelter", "contract": "referral.accepted.v1"}
    shown = confidential.in_a_log(said | {"digest": "x", "error": "KeyError at service.py:30 record_acceptance"})
    assert shown == {"message": "an id", "contract": "referral", "digest": "x", "error": "KeyError"}
