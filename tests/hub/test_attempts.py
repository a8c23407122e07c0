"""Every hostile attempt at the entrances, by its number, and the tests that hold what is answered.

What is not held elsewhere is tried below, on the process that partners reach (`hub.gateway.http`).

  1  no key, an unknown one (http/test_entrance.py)
     test_without_a_known_key_everybody_gets_the_same_answer
  2  an expired key, one rotated out (http/test_entrance.py)
     test_a_key_ends_when_it_is_revoked_or_has_expired
  2  the same as an operator ends it (http/test_entrance.py)
     test_a_key_that_an_operator_makes_opens_and_is_answered_as_expired_within_a_second_of_being_revoked
  5  a key in the query string (http/test_entrance.py)
     test_a_key_in_the_address_is_refused_and_stands_nowhere
  6  a body whose source is another (http/test_messages.py)
     test_what_can_never_become_right_is_refused_with_its_code_and_field
  7  `ce-source` that is not the body's (http/test_messages.py)
     test_what_can_never_become_right_is_refused_with_its_code_and_field
  8  a contract that is not allowed (test_admission_table.py)
     test_every_entrance_decides_alike
  9  another's message id (feed/test_asking.py)
     test_anothers_id_an_unknown_one_and_none_are_the_same
 10  to acknowledge what is another's (feed/test_inbox.py)
     test_an_id_that_is_not_ones_own_is_unknown_and_nothing_is_acknowledged
 11  a cursor forged, negative, of tomorrow (feed/test_inbox.py)
     test_a_cursor_that_was_never_given_out_is_refused
 12  an id used again with other bytes (http/test_messages.py)
     test_an_id_used_again_with_other_bytes_is_refused
 13  one Idempotency-Key, two bodies at once (http/test_messages.py)
     test_two_bodies_at_once_with_one_key_are_one_acceptance
 14  an Idempotency-Key of 10 KB, with control bytes (here)
     test_an_idempotency_key_that_is_none_is_refused
 15  257 KiB in chunks without a length (http/test_messages.py)
     test_a_long_body_without_a_length_is_refused_too
 16  a body in gzip, br, deflate (here)
     test_a_compressed_body_is_refused_unread
 17  33 levels, brackets, NaN, NUL, a lone surrogate, a BOM (test_admission_table.py)
     test_no_decision_holds_up_the_neighbours
 18  a batch of 101, of 2 MiB, nested, one bad among good (http/test_messages.py)
     test_each_of_a_batch_stands_for_itself
 19  two lengths, obs-fold, bare LF, two Hosts, a foreign one (here)
     test_what_is_no_request_is_refused_and_the_connection_closed
 20  64 KiB of header, 5,000 headers, a URL of 1 MiB (here)
     test_what_is_no_request_is_refused_and_the_connection_closed
 21  slow headers, body, reader of a stream (http/test_strict.py)
     test_a_request_that_comes_drop_by_drop_is_ended
 21  a reader that takes nothing, one that reads slowly (http/test_unread.py)
     test_who_reads_nothing_is_cut_and_holds_nobody_up
 21  the same on the real stream of an inbox, with megabytes waiting (feed/test_streams.py)
     test_who_reads_nothing_is_cut_holds_no_stream_up_and_misses_nothing
 22  a thousand connections of one key, idle or with a request begun (http/test_thousand.py)
     test_a_thousand_idle_connections_of_one_key_keep_nobody_out
 22  a thousand requests or streams at once of one key (http/test_thousand.py)
     test_nor_do_a_thousand_streams_of_which_five_go_on
 22  the seventeenth request, the sixth stream (http/test_thousand.py)
     test_beyond_the_requests_and_the_streams_of_a_key_the_next_is_told_to_come_later
 23  a flood, by HTTP or AMQP (test_fairness.py)
     test_a_flood_stands_outside_and_a_neighbour_goes_past_it
 24  a parameter twice, `limit=1e9`, `wait=1e9` (here)
     test_parameters_are_numbers_once_and_the_most_allowed
 25  PUT, TRACE, a method in a header (http/test_entrance.py)
     test_another_method_is_refused_whatever_it_says_that_it_is
 26  CORS with cookies, `Origin: null` (http/test_entrance.py)
     test_nothing_is_for_browsers_and_nothing_is_kept
 27  CRLF in what reaches a header or a log (here)
     test_a_line_end_in_any_field_makes_no_second_line_of_the_log
 46  a block sealed to another's key, to a retired one (test_gateway.py)
     test_a_block_that_is_sealed_to_another_is_refused_by_the_keys_that_the_directory_has_now
 51  an old directory of public keys, served again (../contracts/test_key_directory.py)
     test_an_older_directory_that_is_served_again_is_refused
 52  a new key of one's own, put in without an operator (http/test_key_directory.py)
     test_nobody_puts_a_key_in_by_http
 53  consent ended, another recipient, purpose, group (../services/test_sending_a_referral.py)
     test_what_the_consent_or_the_service_does_not_cover_is_refused_and_nothing_is_kept
 54  `=HYPERLINK(`, `+`, `@`, a tab: stored as it is (http/test_messages.py)
     test_what_means_something_elsewhere_goes_out_as_it_came
 54  the same in a table: quoted (reports/test_writing.py)
     test_no_cell_begins_a_formula
 56  AMQP: CC, BCC (../test_broker_permissions.py)
     test_no_header_leads_to_anothers_queue
 56  AMQP: a forged user-id (../test_broker_permissions.py)
     test_a_forged_user_id_is_refused
 56  AMQP: a foreign queue (../test_broker_permissions.py)
     test_reading_a_queue_that_is_not_its_inbox_is_refused
 58  text, a token in a log or an error (http/test_entrance.py)
     test_tokens_and_names_are_found_in_no_log_and_no_answer
"""

import ast
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import contracts
from deploy.local import Stack
from messaging.broker import CONTENT_TYPE
from tests.examples import say, service_published
from tests.hub.http.entrance import PATH, Client, Entrance
from tests.hub.http.serving import Answer, answers
from tests.messaging.harness import Probe, Process

ATTEMPTS = {1, 2, *range(5, 25), 26, 27, 46, 51, 52, 53, 54, 56, 58}
HERE = Path(__file__).parent
ROW = re.compile(r"^ *(\d+)  .+ \((\S+)\)\n     (test_\w+)$", re.M)


def rows(table: str) -> list[tuple[int, Path, str]]:
    """Number, file and test of each row."""
    files = {"here": Path(__file__).name}
    return [(int(number), HERE / files.get(file, file), test) for number, file, test in ROW.findall(table)]


def missing(table: str) -> list[str]:
    """The numbers without a row, and the rows whose test does not exist."""
    named = rows(table)
    without = [f"attempt {number} has no test" for number in sorted(ATTEMPTS - {number for number, _, _ in named})]
    return without + [f"{file}::{test} does not exist" for _, file, test in named if test not in names_in(file)]


def names_in(file: Path) -> set[str]:
    if not file.exists():
        return set()
    return {one.name for one in ast.parse(file.read_text()).body if isinstance(one, ast.FunctionDef)}


def test_every_attempt_names_a_test_that_exists() -> None:
    assert missing(__doc__ or "") == []


@pytest.mark.parametrize(
    "planted",
    [
        lambda table: re.sub(r"\n 23  .*\n", "\n", table),
        lambda table: table.replace("test_no_cell_begins_a_formula", "test_no_cell_begins_a_dream"),
        lambda table: table.replace("feed/test_asking.py", "feed/test_dreaming.py"),
    ],
)
def test_an_attempt_without_a_test_would_be_found(planted: Callable[[str], str]) -> None:
    assert len(missing(planted(__doc__ or ""))) == 1


# -- on the process that partners reach --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reached(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Entrance, Process]]:
    """The process, started."""
    probe = Probe(probed, tmp_path_factory.mktemp("attempts"))
    entrance = Entrance(probe)
    environment = entrance.environment(GATEWAY_HTTP_LISTEN=f"127.0.0.1:{entrance.port}")
    process = probe.process(["hub.gateway.http"], None, environment)
    process.start()
    yield entrance, process
    entrance.close()
    probe.close()


@pytest.fixture
def client(reached: tuple[Entrance, Process]) -> Client:
    return reached[0].client("redcross")


def message() -> contracts.Message:
    return say(service_published())


def raw(entrance: Entrance, request: bytes) -> list[Answer]:
    """All that is answered to these bytes, until the connection is closed."""
    with socket.create_connection(("127.0.0.1", entrance.port), timeout=60) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it reads no further, and what it has said is there
            connection.sendall(request)
        return list(answers(connection))


POST = b"POST /v1/messages HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
NO_REQUEST = {
    "a length and chunks": (POST + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "a header over two lines": (POST + HOST + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n", 400),
    "lines without CR": (b"POST /v1/messages HTTP/1.1\nHost: 127.0.0.1\n\n", 400),
    "two Hosts": (POST + HOST + HOST + b"\r\n", 400),
    "no Host": (POST + b"\r\n", 400),
    "a foreign Host": (POST + b"Host: example.org\r\n\r\n", 400),
    "64 KiB of header": (POST + HOST + b"X-A: " + b"a" * 64 * 1024 + b"\r\n\r\n", 431),
    "5,000 headers": (POST + HOST + b"X-A: b\r\n" * 5_000 + b"\r\n", 431),
    "a URL of 1 MiB": (b"GET /" + b"a" * 1024 * 1024 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
}


@pytest.mark.parametrize("case", NO_REQUEST)
def test_what_is_no_request_is_refused_and_the_connection_closed(reached: tuple[Entrance, Process], case: str) -> None:
    request, status = NO_REQUEST[case]
    (answer,) = raw(reached[0], request)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["x" * 10 * 1024, "a\tb", "", "ñ"])
def test_an_idempotency_key_that_is_none_is_refused(client: Client, key: str) -> None:
    answered = client.ask("POST", PATH, message().to_json(), {"content-type": CONTENT_TYPE, "idempotency-key": key})
    assert (answered.status, answered.code) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
def test_a_compressed_body_is_refused_unread(client: Client, encoding: str) -> None:
    answered = client.ask("POST", PATH, b"\x1f\x8b", {"content-type": CONTENT_TYPE, "content-encoding": encoding})
    assert (answered.status, answered.code) == (415, "content_encoding")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=1&limit=2", 400, "parameter_twice"),
        ("limit=1e9", 400, "parameter"),
        ("wait=1e9", 400, "parameter"),
        ("limit=-1", 400, "parameter"),
        ("limit=1000000000", 200, None),  # the most allowed
        ("limit=1&nobody=1", 400, "unknown_parameter"),
    ],
)
def test_parameters_are_numbers_once_and_the_most_allowed(
    client: Client, query: str, status: int, code: str | None
) -> None:
    answered = client.ask("GET", f"/v1/inbox?{query}")
    assert (answered.status, answered.code) == (status, code)


@pytest.mark.parametrize("field", ["id", "type", "subject", "source", "time", "traceparent"])
def test_a_line_end_in_any_field_makes_no_second_line_of_the_log(
    reached: tuple[Entrance, Process], client: Client, field: str
) -> None:
    said = json.loads(message().to_json())
    said[field] = f"{said.get(field, '')}\r\nSet-Cookie: planted=1\r\n\r\nplanted"
    answered = client.post(json.dumps(said).encode())
    assert answered.status in (400, 403, 422)
    assert "set-cookie" not in answered.headers
    assert b"planted" not in answered.body
    assert "planted" not in reached[1].log()
