"""What every request passes: keys, limits, problems in both languages; what is counted, and what is written nowhere."""

import ast
import asyncio
import hashlib
import html
import json
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from starlette.requests import ClientDisconnect

from contracts.refusals import explain
from deploy.local import entrance as operators
from deploy.local.state import State
from deploy.local.trail import trail
from hub.gateway.http import preferring, problems
from hub.gateway.http.app import Settings
from hub.gateway.http.entrance import LINES, REQUEST_ID
from hub.gateway.http.entrance import Entrance as Entry
from hub.gateway.http.keys import READ_WITHIN, VALID, Keys
from hub.gateway.http.limits import InUse, Limits
from hub.gateway.http.problems import Problem
from hub.gateway.http.refusals import Refusals
from hub.gateway.http.submissions import Answer
from messaging.log import JsonLines
from messaging.topology import NETWORK_FILE, OWN_LIMITS, DeclaredNetwork, Organisation, TopologyError, read
from tests.hub.http.entrance import PATH, Client, Entrance, api_key
from tests.messaging.harness import ROOT, service_published, wait_until

HTTP = ROOT / "hub" / "gateway" / "http"
STRUCTURED = {"content-type": "application/cloudevents+json"}

# -- keys --------------------------------------------------------------------------------------------------------------

UNKNOWN = {
    "none": {},
    "unknown": {"authorization": f"Bearer {api_key('redcross', 'nobody')}"},
    "wrong checksum": {"authorization": f"Bearer {api_key('redcross')[:-8]}00000000"},
    "malformed": {"authorization": "Bearer ruta"},
    "empty": {"authorization": "Bearer "},
    "long": {"authorization": "Bearer " + "x" * 4000},
    "of another scheme": {"authorization": f"Basic {api_key('redcross')}"},
    "no ASCII": {"authorization": "Bearer \xf1"},
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_without_a_known_key_everybody_gets_the_same_answer(entrance: Entrance, case: str) -> None:
    answered = entrance.client(None).ask("POST", PATH, b"{}", {**STRUCTURED, **UNKNOWN[case]})
    said = answered.json
    del said["request_id"]
    assert answered.status == 401
    assert answered.headers["www-authenticate"] == "Bearer"
    assert said == {
        "type": "/problems/key_unknown",
        "title": problems.title(401, "es"),
        "status": 401,
        "detail": problems.detail("key_unknown", "es"),
        "code": "key_unknown",
        "where": "Authorization",
    }


def test_a_key_ends_when_it_is_revoked_or_has_expired(entrance: Entrance) -> None:
    ended: dict[str, dict[str, Any]] = {
        "revoked": {"revoked_at": datetime.now(UTC)},
        "expired": {"expires_at": datetime.now(UTC) - timedelta(seconds=1)},
    }
    for name, columns in ended.items():
        entrance.add_key(api_key("redcross", name), "redcross", **columns)
        assert known(entrance.client(key=api_key("redcross", name))) == "key_expired"


def known(client: Client) -> str:
    """What a client is answered once its key is known, which is within a second."""
    found: str = wait_until(lambda: (code := client.post(b"{}").code) != "key_unknown" and code)
    return found


def test_a_key_that_is_revoked_opens_nothing_a_moment_later(entrance: Entrance) -> None:
    key = api_key("redcross", "to be revoked")
    entrance.add_key(key, "redcross")
    client = entrance.client(key=key)
    wait_until(lambda: client.post(b"{}").status == 400)
    entrance.query("update api_key set revoked_at = now() where organisation = 'redcross' and revoked_at is null "
                   "and sha256 = sha256(%s)", (key.encode(),))  # fmt: skip
    wait_until(lambda: client.post(b"{}").status == 401, within=30)


def test_a_key_that_an_operator_makes_opens_and_is_answered_as_expired_within_a_second_of_being_revoked(
    entrance: Entrance, tmp_path: Path
) -> None:
    state, redcross = State(tmp_path), read().organisations["redcross"]
    state.make()
    with trail(entrance.database_url, state) as noted:
        key = operators.add_api_key(noted, redcross, None, "live")
        client = entrance.client(key=key)
        wait_until(lambda: client.post(b"{}").status == 400)
        name = operators.name_of(hashlib.sha256(key.encode()).digest())
        operators.revoke_api_key(noted, redcross, name, tmp_path / "credentials.json")
    revoked_at = time.monotonic()
    wait_until(lambda: client.post(b"{}").code == "key_expired")
    assert time.monotonic() - revoked_at < VALID + READ_WITHIN  # of which the second is for a machine under load


@pytest.mark.parametrize(
    "query", ["key=x", "a%70i_key=x", "api_key=x", "access_token=x", f"q={api_key('redcross')}", "Token=x"]
)
def test_a_key_in_the_address_is_refused_and_stands_nowhere(entrance: Entrance, redcross: Client, query: str) -> None:
    answered = redcross.ask("POST", f"{PATH}?{query}", service_published().to_json(), STRUCTURED)
    assert (answered.status, answered.code) == (401, "key_in_query")
    assert query not in answered.body.decode()


def test_a_key_for_tests_does_not_open_the_real_network(entrance: Entrance) -> None:
    answered = entrance.client(key=api_key("redcross", environment="test")).post(b"{}")
    assert (answered.status, answered.code) == (403, "wrong_environment")


def test_nor_does_a_key_of_the_real_one_open_a_network_to_try_things_in(
    entrance: Entrance, tmp_path: Path, declared: DeclaredNetwork
) -> None:
    file = tmp_path / "network.toml"
    file.write_text('environment = "test"\n' + NETWORK_FILE.read_text())
    assert read(file) == replace(declared, environment="test")
    trying = Settings.from_environment({**entrance.environment(), "RUTA_NETWORK_FILE": str(file)})
    keys = Keys(None, trying.organisations, lambda *_: None, trying.environment)
    keys._read_at = float("inf")  # it has read that there are none

    def refused(key: str) -> tuple[int, str]:
        headers = {b"authorization": f"Bearer {key}".encode()}
        with pytest.raises(Problem) as problem:
            asyncio.run(keys.check({"query_string": b""}, headers))
        return problem.value.status, problem.value.code

    assert refused(api_key("redcross")) == (403, "wrong_environment")
    assert refused(api_key("redcross", environment="test")) == (401, "key_unknown")


@pytest.mark.parametrize("said", ['"Live"', '"sandbox"', "1", "[]"])
def test_an_environment_that_is_none_is_refused(tmp_path: Path, said: str) -> None:
    file = tmp_path / "network.toml"
    file.write_text(f"environment = {said}\n" + NETWORK_FILE.read_text())
    with pytest.raises(TopologyError, match="environment is none of live, test"):
        read(file)


def test_who_is_not_in_the_network_any_more_is_suspended(entrance: Entrance) -> None:
    key = api_key("nobody")
    entrance.add_key(key, "nobody")
    assert known(entrance.client(key=key)) == "suspended"


def test_the_day_of_its_last_use_stands_with_the_key(entrance: Entrance, redcross: Client) -> None:
    redcross.post(b"{}")

    def used() -> Any:
        return entrance.query("select 1 from api_key where organisation = 'redcross' and last_used_on is not null")

    wait_until(used)


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_key_has_a_burst_and_then_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    in_use, limits = InUse(), Limits(rate=50, burst=500)

    def asks() -> str:
        try:
            with in_use.one(b"key", limits):
                return "answered"
        except Problem as problem:
            return f"{problem.status} {problem.code} {problem.headers}"

    assert {asks() for _ in range(500)} == {"answered"}
    too_much = "429 rate {'Retry-After': '1'}"
    assert asks() == too_much
    now += 0.125
    assert [asks() for _ in range(7)] == ["answered"] * 6 + [too_much]
    with in_use.one(b"another's", limits):
        pass


def test_a_key_has_so_many_requests_and_streams_at_once() -> None:
    one = partial(InUse().one, b"key", Limits(requests_at_once=2, streams_at_once=1))
    with one(), one(), one(stream=True):
        with pytest.raises(Problem, match="too_many_requests_at_once"), one():
            pass
        with pytest.raises(Problem, match="too_many_streams_at_once"), one(stream=True):
            pass
    with one(), one(stream=True):
        pass


def test_limits_of_an_organisation_stand_in_place_of_everybodys() -> None:
    everybodys = Limits(rate=50, burst=500, streams_at_once=5)
    one = Organisation("clinic", "Clinic", (), limits={"rate": 7, "connections": 3})
    assert everybodys.of(one) == Limits(rate=7, burst=500, streams_at_once=5)
    assert OWN_LIMITS - {"connections", "channels"} <= {each.name for each in fields(Limits)}


def test_limits_are_whole_numbers() -> None:
    assert Limits.from_environment({"RUTA_HTTP_RATE": "7"}) == Limits(rate=7)
    for value in ("0", "-1", "1e9", "x", "\u0661"):
        with pytest.raises(ValueError, match="RUTA_HTTP_RATE"):
            Limits.from_environment({"RUTA_HTTP_RATE": value})


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (b"wait=5", 5), (b"respond-async, wait=5", 5), (b"WAIT = 3", 3), (b'wait="4"', 4), (b"wait=100000000", 10),
        (b"wait=5; a=b, x", 5), (b"wait=0", 0), (b"wait=-1", None), (b"wait=x", None), (b"await=5", None), (b"", None),
        (None, None), (b"wait=1.5", None),
    ],
)  # fmt: skip
def test_how_long_somebody_prefers_to_wait(prefer: bytes | None, seconds: int | None) -> None:
    assert preferring.seconds(prefer) == seconds


# -- problems ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "es"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("es-CO", "es"), ("fr", "es"), ("*", "es"),
        ("en;q=0.5, es;q=0.4", "en"), ("en;q=0, *", "es"), ("en;q=x", "es"), (";;;,,,", "es"), ("en" * 5000, "es"),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_the_language_that_is_preferred(accepted: str | None, language: str) -> None:
    headers = {} if accepted is None else {b"accept-language": accepted.encode()}
    assert problems.language_of(headers) == language


def test_every_problem_has_a_page_in_both_languages(entrance: Entrance) -> None:
    client = entrance.client(None)
    for code in {code for code, _ in codes(HTTP)} | set(problems.STATUS_OF_REFUSAL):
        page = client.ask("GET", f"/problems/{code}")
        assert page.status == 200, code
        assert "content-security-policy" in page.headers
        for language in problems.LANGUAGES:
            assert html.escape(problems.detail(code, language) or "") in page.body.decode()
    # What a service refuses with stands in outcomes and in `message.refused`; two may mean something else by one code.
    said = client.ask("GET", "/problems/superseded").body.decode()
    for service in ("referrals", "intake"):
        assert html.escape(explain("superseded", service, "es")) in said
        assert re.search(rf"<b>[^<]*{service}", said)
    assert "<b>" not in client.ask("GET", "/problems/consent_expired").body.decode()
    assert client.ask("GET", "/problems/nothing").code == "not_found"
    assert client.ask("GET", "/problems/%3Cscript%3E").code == "not_found"


def codes(folder: Path) -> Iterator[tuple[str, int]]:
    """Every code and status that stands in the code."""
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                status, code = node.args[:2]
                if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                    yield str(code.value), int(str(status.value))


def test_every_code_and_status_has_its_words() -> None:
    found = set(codes(HTTP))
    assert {code for code, _ in found if problems.detail(code, "es") is None} == set()
    assert {status for _, status in found if status not in problems.TITLES} == set()


def test_a_planted_code_is_found(tmp_path: Path) -> None:
    (tmp_path / "anything.py").write_text('raise Problem(400, "never_heard_of")')
    assert set(codes(tmp_path)) == {("never_heard_of", 400)}
    assert problems.detail("never_heard_of", "es") is None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused_whatever_it_says_that_it_is(redcross: Client, method: str) -> None:
    answered = redcross.ask(method, PATH, b"", {"x-http-method-override": "POST", "origin": "null"})
    assert (answered.status, answered.code) == (405, "method_not_allowed")
    assert answered.headers["allow"] == "POST"


def test_nothing_is_for_browsers_and_nothing_is_kept(entrance: Entrance, redcross: Client) -> None:
    message = service_published()
    answers = [
        redcross.post(message, origin="https://example.org", cookie="a=b"),
        redcross.post(b"{", origin="null"),
        entrance.client(None).ask("GET", "/problems/rate", headers={"origin": "https://example.org"}),
        entrance.client(None).ask("GET", "/nowhere"),
    ]
    for answered in answers:
        names = {name.lower() for name in answered.headers}
        assert not any(name.startswith("access-control") for name in names)
        assert not names & {"set-cookie", "server"}
        assert answered.headers["cache-control"] == "no-store"
        assert len(answered.headers.get_all("x-request-id") or []) == 1
    entrance.empty()


def test_the_id_of_a_request_is_ours_and_stands_in_the_log(entrance: Entrance, redcross: Client) -> None:
    answered = redcross.post(b"{", x_request_id="theirs")
    assert answered.headers["x-request-id"] != "theirs"
    assert answered.json["request_id"] in entrance.probe.processes[0].log()


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_refusals_are_one_row_for_each_organisation_code_and_minute(entrance: Entrance) -> None:
    client = entrance.client("americares")
    message = service_published()
    for _ in range(50):
        assert client.post(message).code == "forged_sender"

    def counted() -> int:
        rows = entrance.query(
            "select count, first_message from refusal_count "
            "where organisation = 'americares' and code = 'forged_sender' and entrance = 'http'"
        )
        assert len(rows) <= 2  # the minute may have ended meanwhile
        assert {row["first_message"] for row in rows} <= {message.id}
        return sum(row["count"] for row in rows)

    wait_until(lambda: counted() == 50)


def test_who_has_no_key_is_counted_as_nobody(entrance: Entrance) -> None:
    entrance.client(None).post(b"{}")
    wait_until(lambda: entrance.query("select 1 from refusal_count where organisation = '-' and code = 'key_unknown'"))


def test_a_flood_of_refusals_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    gate = Entry(lambda *_: asyncio.sleep(0))
    scope: dict[str, Any] = {"app": SimpleNamespace(state=SimpleNamespace(refusals=refusals)), REQUEST_ID: "1"}
    with caplog.at_level(logging.INFO):
        for _ in range(10_000):
            gate._note(scope, Problem(401, "key_unknown"))
    assert LINES <= len(caplog.records) < 2 * LINES
    assert sum(count for count, _ in refusals._counts.values()) == 10_000


def test_a_client_that_goes_while_it_sends_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(*_: object) -> None:
        raise ClientDisconnect

    async def send(_: object) -> None:
        raise AssertionError("nobody is there")

    scope: dict[str, Any] = {"type": "http", "path": "/problems/rate", "headers": []}
    asyncio.run(Entry(gone)(scope, None, send))  # type: ignore[arg-type]
    assert caplog.records == []


@pytest.mark.parametrize("name", ["authorization", "prefer", "accept-language"])
def test_a_header_that_counts_is_there_once(entrance: Entrance, redcross: Client, name: str) -> None:
    answered = redcross.ask("GET", "/v1/inbox", None, [(name, "a"), (name, "b")])
    assert (answered.status, answered.code) == (400, "header_twice")


def test_a_path_with_a_slash_too_many_leads_nowhere(redcross: Client) -> None:
    assert redcross.ask("GET", "/v1/inbox/").status == 404


# -- what is written nowhere -------------------------------------------------------------------------------------------


def test_tokens_and_names_are_found_in_no_log_and_no_answer(entrance: Entrance, redcross: Client) -> None:
    canary = "Canario-Yurleidis"
    secret = api_key("redcross", canary)
    raw = service_published(canary).to_json()
    document = json.loads(raw)
    client = entrance.client(None)
    answers = [
        client.ask("POST", PATH, raw, {**STRUCTURED, "authorization": f"Bearer {secret}"}),
        redcross.ask("POST", f"{PATH}?{canary}={canary}", raw, STRUCTURED),
        redcross.ask("POST", f"{PATH}?key={secret}", raw, STRUCTURED),
        redcross.ask("GET", f"/v1/messages/{canary}/{secret}"),
        redcross.ask("GET", f"/{canary}"),
        redcross.ask("GET", f"/problems/{canary}"),
        redcross.post(raw.replace(b"redcross", canary.lower().encode())),
        redcross.post(json.dumps({**document, "type": canary}).encode()),
        redcross.post(json.dumps({**document, canary: "\0"}).encode()),
        redcross.post(json.dumps({**document, "data": {canary: canary}}).encode()),
        redcross.post(json.dumps({**document, "subject": canary}).encode()),
        redcross.post(canary.encode()),
        redcross.post(raw, content_encoding=canary),
        redcross.post(raw, idempotency_key=f"{canary} "),
        redcross.post(raw, ce_subject=f"{canary}%"),
        redcross.ask("POST", PATH, raw, {**STRUCTURED, f"ce-{canary}-x": canary}),
        redcross.post(raw, x_request_id=canary, accept_language=canary, prefer=f"wait={canary}", user_agent=canary),
        redcross.post_batch([raw.replace(b"redcross", b"iom"), canary.encode()]),
        redcross.post_batch([json.dumps({**document, "id": canary}).encode()]),
    ]
    assert [one.status for one in answers].count(202) == 1
    assert not any(one.status >= 500 for one in answers)
    assert redcross.post(b"{").json["request_id"] in entrance.probe.processes[0].log()  # and all before it
    written = [entrance.probe.processes[0].log(), *(one.body.decode() + str(one.headers) for one in answers)]
    written.append(str(entrance.query("select * from refusal_count")))
    for word in (canary, canary.lower(), secret, secret[20:50]):
        assert not any(word in text for text in written)
    entrance.empty()


def test_a_planted_canary_in_the_log_would_be_found(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        logging.getLogger("ruta.gateway").info("refused Canario")
    assert "Canario" in JsonLines("test").format(caplog.records[0])


# -- Prefer: wait ------------------------------------------------------------------------------------------------------


class Outcomes:
    """Stands in for the feed: says the outcomes one after the other, each after a signal."""

    ended = False

    def __init__(self, *documents: dict[str, Any] | None) -> None:
        self._documents = list(documents)
        self.asked = 0

    def outcome(self, organisation: str) -> Any:
        future = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    async def outcome_of(self, *_: Any, **__: Any) -> dict[str, Any] | None:
        self.asked += 1
        document = self._documents.pop(0) if len(self._documents) > 1 else self._documents[0]
        if document == {"fails": True}:
            raise OSError
        return document


@pytest.mark.parametrize(
    ("documents", "within", "answered"),
    [
        ([None, {"final": False}, {"final": True, "state": "applied"}], 5, 200),
        ([None], 0, 202),
        ([{"fails": True}], 5, 202),
        ([{"final": True, "state": "refused"}], 0, 200),
    ],
)
def test_the_outcome_is_waited_for_and_nothing_of_it_takes_an_acceptance_back(
    documents: list[dict[str, Any] | None], within: int, answered: int
) -> None:
    outcomes = Outcomes(*documents)
    state = SimpleNamespace(signals=outcomes, outcome_of=outcomes.outcome_of, pool=None)
    scope: dict[str, Any] = {"app": SimpleNamespace(state=state), "headers": []}
    accepted = Answer(202, {"id": str(uuid4())})
    caller: Any = SimpleNamespace(organisation="redcross", system=None)
    found = asyncio.run(preferring.outcome(scope, caller, accepted, within))
    assert found.status == answered
    assert outcomes.asked == len(documents)
