"""`./ruta up --sample` as a newcomer has it: there within a minute, by messages alone, and gone with the network."""

import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from contracts.codes import ReferralState
from demo.sample import accounts, cast, script
from demo.sample.__main__ import MADE
from demo.sample.accounts import Account
from demo.sample.journal import Journal
from demo.sample.people import Person
from demo.sample.script import Line, id_of
from demo.sample.speaking import Speaker
from deploy.local.operator_error import OperatorError
from deploy.local.state import ROOT, State
from messaging import database
from messaging.believing import COLOMBIA
from tests.directories import make_directory
from tests.hub.console.kit import Answer, Browser, Running
from tests.stack.test_up import ENDED_WITHIN, Operator
from tests.waiting import eventually

READY_WITHIN = 60.0  # seconds from when the hub is up: what the sample promises
WORK = dict.fromkeys(
    ("casapuente", "coordinacion"),
    ("Por decidir", "Les preguntan", "Vencen hoy", "Citas de hoy", "Por confirmar"),
)
"""Who has work, and why."""
STATES = "select state, count(*) as many from referral group by state"


class Newcomer(Operator):
    """Somebody who starts the sample in front of a shell."""

    said: list[str]

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.used: dict[str, str] = {}  # by login, the last code that somebody has come in with

    def start(self) -> None:
        """`./ruta up --sample`, until it has said everything."""
        self.begin()
        self.listen()

    def begin(self) -> None:
        """`./ruta up --sample`."""
        self.up = subprocess.Popen(
            [ROOT / "ruta", "up", "--sample"], env=self.environment, stdout=subprocess.PIPE, text=True
        )

    def listen(self) -> None:
        """Wait until it has said everything."""
        assert self.up is not None
        assert self.up.stdout is not None
        self.said = []
        while not self.said or "Ctrl-C stops it" not in self.said[-1]:
            self.said.append(self.up.stdout.readline())
            assert self.said[-1], self.said

    @property
    def running(self) -> dict[str, Any]:
        """What the network says of itself."""
        running = State(self.directory).read_running()
        assert running is not None
        return running

    @property
    def folder(self) -> Path:
        return self.directory / "sample"

    def rows(self, service: str, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Ask a database."""
        with database.connect(self.running["databases"][service]) as connection:
            return list(connection.execute(statement, values))

    def kill_while_it_is_made(self) -> None:
        """Kill the process that speaks, when it has said about half."""
        file = self.folder / "journal.sqlite"

        def is_under_way() -> bool:
            if not file.exists() or State(self.directory).read_running() is None:
                return False
            with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as journal:
                return bool(journal.execute("select count(*) > 150 from said").fetchone()[0])

        eventually(is_under_way, within=300)
        assert not (self.folder / MADE).exists()
        os.kill(self.running["processes"]["sample"]["pid"], signal.SIGKILL)

    def states(self) -> dict[str, int]:
        """How many referrals the console shows in each state."""
        return {row["state"]: row["many"] for row in self.rows("console", STATES)}

    def account(self, login: str) -> Account:
        return next(one for one in accounts.known(self.folder) if one.member.login == login)


class Served(Running):
    """The console as it is served, for a browser that believes itself elsewhere."""

    def __init__(self, url: str) -> None:
        self._url, self._place = url, urlsplit(url).netloc

    def ask(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes, address: str = "127.0.0.1"
    ) -> Answer:
        def here(value: str) -> str:
            return value.replace("https://console.test", self._url).replace("console.test", self._place)

        with contextlib.closing(http.client.HTTPConnection(self._place, timeout=30)) as connection:
            connection.request(method, path, body, {name: here(value) for name, value in headers})
            answer = connection.getresponse()
            said = [(name.lower(), value) for name, value in answer.getheaders()]
            return Answer(answer.status, said, answer.read())


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Newcomer]:
    """The sample, running; what makes it was killed on the way."""
    directory = make_directory("sample")
    one = Newcomer(directory)
    one.begin()
    one.kill_while_it_is_made()
    one.listen()
    yield one
    if one.up is not None and one.up.poll() is None:
        one.end(signal.SIGTERM)
    eventually(lambda: not one.processes())


def come_in(newcomer: Newcomer, login: str) -> Browser:
    """Come in as the terminal says that one does; a code is good for once."""
    line = next(line for line in newcomer.said if line.split()[:1] == [login])

    def code_now() -> str:
        return newcomer.run("staff", "code", login).stdout.split()[0]

    eventually(lambda: code_now() != newcomer.used.get(login))
    newcomer.used[login] = code = code_now()
    browser = Browser(Served(newcomer.running["console_url"]))
    assert browser.open("/entrar", login=login, password=line.split()[1], code=code).status == 303
    return browser


def test_it_is_ready_within_a_minute_and_each_state_has_two(newcomer: Newcomer) -> None:
    states = newcomer.states()
    assert {state: states.get(state, 0) for state in ReferralState if states.get(state, 0) < 2} == {}
    (seconds,) = re.findall(r"The sample is made in (\d+) s", "".join(newcomer.said))
    assert int(seconds) <= READY_WITHIN


def test_everything_has_come_in_as_a_message_and_none_was_refused(newcomer: Newcomer) -> None:
    said = {line.message_id for lines in script.rounds() for line in lines}
    submitted = newcomer.rows("gateway", "select message_id from submission")
    assert said <= {row["message_id"] for row in submitted}
    assert newcomer.rows("gateway", "select code from outcome where state <> 'applied'") == []
    # Of what is referred nothing is there that no message has said.
    known = {row["referral_id"] for row in newcomer.rows("referrals", "select referral_id from referral")}
    numbers = range(len(script.CASES))
    assert known == {id_of(f"referral {number}") for number in numbers} | {
        id_of(f"referral {number} onward") for number in numbers if " > " in script.CASES[number].ways
    }


def test_who_plays_the_organisations_knows_no_server_of_the_hub(newcomer: Newcomer) -> None:
    pid = newcomer.running["processes"]["sample"]["pid"]
    environment = Path(f"/proc/{pid}/environ").read_text()
    assert "postgresql" not in environment
    assert "amqp" not in environment
    assert "RUTA_STATE" not in environment
    assert [one["code"] for one in newcomer.status()["problems"]] == ["restarted"]  # it was killed


@pytest.mark.parametrize("member", cast.STAFF, ids=lambda one: str(one.role))
def test_somebody_of_each_role_comes_in_and_finds_work_where_it_is_theirs(
    newcomer: Newcomer, member: cast.Member
) -> None:
    browser = come_in(newcomer, member.login)
    assert member.name in browser.get("/").text
    reasons = WORK.get(member.login, ())
    page = browser.get("/hoy").text
    soon_over = datetime.now(COLOMBIA).hour >= 22  # the day, and what was to be done today with it
    assert [reason for reason in reasons if reason not in page and not (soon_over and "hoy" in reason)] == []


def test_what_is_sealed_to_the_hosted_lies_in_their_inboxes(newcomer: Newcomer) -> None:
    rows = newcomer.rows("console", "select distinct organisation from delivered order by 1")
    assert [row["organisation"] for row in rows] == sorted(cast.HOSTED)


def test_who_coordinates_sees_what_people_are_called_as_long_as_they_allow_it(newcomer: Newcomer) -> None:
    browser = come_in(newcomer, "coordinacion")
    named = [number for number, case in enumerate(script.CASES) if case.is_named]
    shown = {}
    for number in named:
        path, person = f"/caso/{id_of(f'referral {number}')}", Person(number)
        name = f"{person.given_names} {person.family_names}"
        assert name not in browser.get(path).text  # until it is asked for, which is written down
        shown[number] = name in browser.send(f"{path}/persona", a=path).text
    withdrawn = [number for number in named if "name_withdrawn" in script.CASES[number].ways]
    assert [number for number, is_shown in shown.items() if not is_shown] == withdrawn
    kept = newcomer.rows("console", "select person_id from sealed_block where kind = 'name'")
    assert {row["person_id"] for row in kept} == {id_of(f"person {one}") for one in named if one not in withdrawn}


def test_a_partner_answers_a_new_referral(newcomer: Newcomer, tmp_path: Path) -> None:
    person, consent, referral = (id_of(f"test {what}") for what in ("person", "consent", "referral"))
    state = State(newcomer.directory)
    journal = Journal(tmp_path / "journal.sqlite")
    home = state.organisations / cast.HOSTED_PARTNER
    speaker = Speaker(cast.HOSTED_PARTNER, home, state.directory_file, journal, time.sleep)

    def say(name: str, type: str, data: dict[str, Any], sealed_to: str | None = None) -> None:
        def at(now: datetime) -> dict[str, Any]:
            times = {"registered_at": now, "valid_from": now - timedelta(days=1)}
            return data | {field: times[field] for field in data.keys() & times.keys()}

        clear = {"given_names": "Ana", "family_names": "Prueba Ensayo"}
        line = Line(f"test {name}", speaker.id, type, at, sealed_to, clear if sealed_to else None)
        assert speaker.say([line]) == [None]
        speaker.await_applied([line])

    say("registered", "person.registered.v1", {"person_id": person, "registered_at": None}, "hub")
    terms = {"purposes": ["refer"], "recipients": ["redcross"], "field_groups": ["identity"], "language": "es"}
    given = {"given_by": "person", "manner": "signed", "valid_from": None}
    say("granted", "consent.granted.v1", {"consent_id": consent, "person_id": person, **terms, **given})
    asked = {"referral_id": referral, "recipient": "redcross", "service_id": id_of("service redcross.salud")}
    asked |= {"urgency": "normal", "person_id": person, "need_code": "health.consultation", "consent_id": consent}
    asked |= {"reason_code": "service_not_offered", "shares": ["identity"]}
    asked |= {"contact": {"channel": "phone", "language": "es"}}
    say("requested", "referral.requested.v2", asked, "redcross")
    speaker.close()
    journal.close()

    def stands() -> str:
        (row,) = newcomer.rows("referrals", "select state from referral where referral_id = %s", [referral])
        return str(row["state"])

    eventually(lambda: stands() not in ("sent", "received"), within=120)


def test_said_again_it_neither_doubles_nor_loses_anything(newcomer: Newcomer) -> None:
    before, known = newcomer.states(), newcomer.rows("console", "select login, password from staff order by login")
    assert newcomer.run("down").returncode == 0
    assert newcomer.ended() == 0
    eventually(lambda: not newcomer.processes(), within=ENDED_WITHIN)
    passwords = [line.split()[1] for line in newcomer.said if line.split()[0] in {one.login for one in cast.STAFF}]

    newcomer.start()

    assert newcomer.rows("console", "select login, password from staff order by login") == known
    assert [one.password for one in accounts.known(newcomer.folder)] == passwords
    after = newcomer.states()
    assert sum(after.values()) == sum(before.values())
    assert all(after[state] >= 2 for state in ReferralState)
    assert "there since before" in "".join(newcomer.said)


def test_what_is_secret_is_its_owners_alone(newcomer: Newcomer) -> None:
    assert newcomer.folder.stat().st_mode & 0o777 == 0o700
    assert (newcomer.folder / accounts.FILE).stat().st_mode & 0o777 == 0o600
    logs = "".join(file.read_text() for file in (newcomer.directory / "logs").glob("*.log"))
    told = json.loads((newcomer.folder / accounts.FILE).read_text()).values()
    assert not [secret for one in told for secret in (one["password"], one["totp_secret"]) if secret in logs]
    assert "Supuesto" not in logs


def test_down_leaves_nothing_behind(newcomer: Newcomer) -> None:
    assert newcomer.run("down").returncode == 0
    assert newcomer.ended() == 0
    eventually(lambda: not newcomer.processes(), within=ENDED_WITHIN)


def test_a_code_is_told_of_the_samples_accounts_only(newcomer: Newcomer) -> None:
    known = accounts.known(newcomer.folder)
    with pytest.raises(OperatorError, match="Only accounts of the sample"):
        accounts.code_of(known, "somebody.else")
    with pytest.raises(OperatorError, match="There is no sample here"):
        accounts.code_of(accounts.known(newcomer.directory), "casapuente")
