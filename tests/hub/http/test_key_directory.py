"""The directory of public keys by HTTP: the one in force, as the hub has signed it; and no way to put a key into it."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from hub.gateway.http.app import routes
from hub.gateway.http.key_directory import PATH
from tests.hub.http.entrance import Client, Entrance

KNOWN = "select count(*) as keys, max(key_id) as last from public_key"


@pytest.fixture(autouse=True)
def issued(entrance: Entrance) -> Iterator[None]:
    """There is one, the third."""
    issue(entrance, 2, "a.b.old")
    issue(entrance, 3, "a.b.new")
    yield
    entrance.query("delete from key_directory")


def issue(entrance: Entrance, number: int, signed: str) -> None:
    entrance.query("insert into key_directory (number, issued_at, jws) values (%s, now(), %s)", (number, signed))


def test_the_directory_in_force_is_answered_as_it_was_signed(redcross: Client) -> None:
    answered = redcross.ask("GET", PATH)
    assert (answered.status, answered.body) == (200, b"a.b.new")
    assert answered.headers["content-type"] == "application/jose"
    assert answered.headers["etag"] == '"3"'
    assert answered.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("said", ['"3"', 'W/"3"', '"1", "3"'])
def test_who_has_it_already_is_told_so_until_there_is_another(entrance: Entrance, redcross: Client, said: str) -> None:
    answered = redcross.ask("GET", PATH, headers={"if-none-match": said})
    assert (answered.status, answered.body, answered.headers["etag"]) == (304, b"", '"3"')
    issue(entrance, 4, "a.b.newer")
    answered = redcross.ask("GET", PATH, headers={"if-none-match": said})
    assert (answered.status, answered.body) == (200, b"a.b.newer")


def test_who_has_no_key_reads_no_directory(entrance: Entrance) -> None:
    answered = entrance.client(None).ask("GET", PATH)
    assert (answered.status, answered.code) == (401, "key_unknown")


def test_before_the_first_one_is_issued_it_is_to_be_asked_for_again(entrance: Entrance, redcross: Client) -> None:
    entrance.query("delete from key_directory")
    answered = redcross.ask("GET", PATH)
    assert (answered.status, answered.code, answered.headers["retry-after"]) == (503, "database_away", "2")


def test_what_nobody_reads_is_refused(redcross: Client) -> None:
    assert redcross.ask("GET", f"{PATH}?number=2").code == "unknown_parameter"


# -- a key comes in by an operator, and by nobody else -----------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (PATH, (405, "method_not_allowed")),
        (f"{PATH}/redcross", (404, "not_found")),
        (f"{PATH}/redcross/keys", (404, "not_found")),
        ("/v1/keys", (404, "not_found")),
    ],
)
def test_nobody_puts_a_key_in_by_http(
    entrance: Entrance, redcross: Client, method: str, path: str, refused: tuple[int, str]
) -> None:
    before: list[dict[str, Any]] = entrance.query(KNOWN)
    key = b'{"kty": "EC", "crv": "P-256", "x": "", "y": ""}'
    answered = redcross.ask(method, path, key, {"content-type": "application/json"})
    assert (answered.status, answered.code) == refused
    assert entrance.query(KNOWN) == before


def test_only_messages_and_what_was_read_are_taken_by_http() -> None:
    taken = {one.path for one in routes() if isinstance(one, Route) and (one.methods or set()) - {"GET", "HEAD"}}
    assert taken == {"/v1/messages", "/v1/inbox/acknowledge"}
