"""The command `import` against the running network: each row is answered, and a file sent twice changes nothing."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import codes, uuid7
from deploy.local import Network
from deploy.local.state import ROOT
from messaging.broker import Publication, Publisher
from tests.waiting import eventually

ORGANISER, PARTNER = "redcross", "iom"
DAY = date(2026, 3, 7)
HEADING = ["Nombres", "Tipo de documento", "Número de documento", "Sexo", "Servicios", "Autoriza"]


class Centre:
    """An organisation at the door of the running network, and a jornada of the organiser's."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder
        self.jornada = uuid7()
        starts = datetime(2026, 3, 7, 13, tzinfo=UTC)
        plan = contracts.JornadaPlanned(
            jornada_id=self.jornada,
            organiser=ORGANISER,
            planned_at=starts,
            kind=codes.JornadaKind.OUTREACH_TRIP,
            name="Jornada en La Playa",
            zone="08001",
            place="Polideportivo La Playa",
            starts_at=starts,
            ends_at=starts + timedelta(hours=7),
            contributions=(contracts.Contribution(organisation=PARTNER, brings=()),),
        )
        self.say(plan, self.jornada)

    def home(self, organisation: str) -> Path:
        return self.network.stack.state.organisations / organisation

    def say(self, data: Any, subject: UUID) -> None:
        handed = json.loads((self.home(ORGANISER) / "credentials.json").read_text())
        publisher = Publisher(handed["amqp_url"])
        message = contracts.stamp(contracts.Draft(data, str(subject)), source=ORGANISER, time=datetime.now(UTC))
        to = Publication(handed["exchange"], f"{ORGANISER}.{message.type}", message.to_json(), message.id)
        assert publisher.publish([to]) == set()
        publisher.drop()

    def save(self, *people: list[str]) -> Path:
        path = self.folder / "list.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows([HEADING, *people])
        return path

    def send(
        self, file: Path, *options: str, by: str = ORGANISER, jornada: UUID | None = None
    ) -> tuple[int, list[dict[str, str]], str]:
        """Import a file; return the exit status, the report by line, and all that was printed."""
        report = self.folder / "report.csv"
        command: list[str | Path] = [
            sys.executable, "-m", "hub.attendance", "import", file,
            "--jornada", str(jornada or self.jornada), "--organiser", ORGANISER,
            "--credentials", self.home(by) / "credentials.json",
            "--directory", self.network.stack.state.directory_file,
            "--report", report, "--on", DAY.isoformat(), *options,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300, check=False
        )
        with report.open(encoding="utf-8", newline="") as written:
            rows = sorted(csv.DictReader(written), key=lambda row: int(row["line"]))
        return done.returncode, rows, done.stdout + done.stderr

    def rows(self, service: str, sql: str, *params: Any) -> list[Any]:
        with psycopg.connect(self.network.stack.service_database_url(service)) as connection:
            return connection.execute(sql.encode(), params).fetchall()

    def present(self) -> int:
        ((count,),) = self.rows(
            "events", "select count(*) from attendance where present and jornada_id = %s", self.jornada
        )
        return int(count)


@pytest.fixture
def centre(network: Network, tmp_path: Path) -> Centre:
    return Centre(network, tmp_path)


def person(number: int, name: str = "Yuleisy", services: str = "Consulta médica", yes: str = "Sí") -> list[str]:
    # Numbers that no other test has: uuid7 ends differently each time.
    return [name, "PPT", str(number), "F", services, yes]


@pytest.fixture
def number() -> int:
    """The first of some document numbers that nobody else has."""
    return int(uuid7().int % 10**12) + 10**12


def outcomes(report: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["line"], row["outcome"], row["code"]) for row in report]


def test_each_row_is_accepted_repeated_or_refused_with_its_line_and_reason(centre: Centre, number: int) -> None:
    file = centre.save(
        person(number),
        person(number + 1),
        person(number),
        ["Ana", "carnet", "1", "F", "", "Sí"],
        ["=1+1", "PPT", str(number + 2), "F", "", "Sí"],
    )
    status, report, printed = centre.send(file)
    assert status == 0, printed
    assert outcomes(report) == [
        ("2", "accepted", ""),
        ("3", "accepted", ""),
        ("4", "repeated", "already_recorded"),
        ("5", "refused", "unknown_document_type"),
        ("6", "refused", "formula"),
    ]
    assert "Yuleisy" not in printed + (centre.folder / "report.csv").read_text()
    assert centre.present() == 2


def test_a_file_sent_twice_changes_nothing_and_what_differs_is_corrected_only_when_asked(
    centre: Centre, number: int
) -> None:
    file = centre.save(person(number), person(number + 1))
    assert centre.send(file)[0] == 0
    before = centre.rows("events", "select * from attendance where jornada_id = %s", centre.jornada)

    status, report, _ = centre.send(file)
    assert (status, Counter(row["outcome"] for row in report)) == (0, {"repeated": 2})
    changed = centre.save(person(number, services="Vacunación"), person(number + 1))
    status, report, _ = centre.send(changed)
    assert (status, outcomes(report)) == (
        0,
        [("2", "repeated", "recorded_differently"), ("3", "repeated", "already_recorded")],
    )
    assert centre.rows("events", "select * from attendance where jornada_id = %s", centre.jornada) == before

    status, report, _ = centre.send(changed, "--correct")
    assert (status, outcomes(report)) == (0, [("2", "corrected", ""), ("3", "repeated", "already_recorded")])
    assert centre.present() == 2


def test_what_happened_there_reaches_intake_for_the_organisation_that_sent_it(centre: Centre, number: int) -> None:
    status, report, printed = centre.send(centre.save(person(number)), by=PARTNER)
    assert (status, outcomes(report)) == (0, [("2", "accepted", "")]), printed
    person_sql = "select registered_by, given_names from person join document using (person_id) where number = %s"
    (kept,) = eventually(lambda: centre.rows("intake", person_sql, str(number)))
    assert kept == (PARTNER, "Yuleisy")
    consent_sql = "select granted_to from consent join document using (person_id) where number = %s"
    assert eventually(lambda: centre.rows("intake", consent_sql, str(number))) == [(PARTNER,)]


def test_what_comes_after_the_report_is_accepted_and_late(centre: Centre, number: int) -> None:
    of_it: dict[str, Any] = {"jornada_id": centre.jornada, "organiser": ORGANISER}
    centre.say(contracts.JornadaConfirmed(**of_it), centre.jornada)
    centre.say(contracts.JornadaHeld(**of_it, held_at=datetime(2026, 3, 7, 20, tzinfo=UTC)), centre.jornada)
    centre.say(contracts.JornadaReported(**of_it), centre.jornada)
    status, report, _ = centre.send(centre.save(person(number)))
    assert (status, [(row["outcome"], row["late"]) for row in report]) == (0, [("accepted", "late")])


def test_a_jornada_that_nobody_knows_leaves_the_rows_unanswered_and_says_so(centre: Centre, number: int) -> None:
    status, report, _ = centre.send(centre.save(person(number)), "--patience", "2", jornada=uuid7())
    assert (status, outcomes(report)) == (1, [("2", "unanswered", "")])


def test_a_kobo_file_that_breaks_off_settles_what_came_before(centre: Centre, number: int) -> None:
    file = centre.folder / "kobo.json"
    submission = {"datos/nombres": "Ana", "datos/tipo_documento": "PT", "datos/numero_documento": str(number)}
    file.write_text("[" + json.dumps(submission) + ", {")
    status, report, printed = centre.send(file)
    assert (status, outcomes(report)) == (2, [("1", "accepted", "")])
    assert "neither a submission nor an array" in printed


def test_credentials_that_do_not_work_end_in_one_sentence(centre: Centre, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "hub.attendance", "import", centre.save(person(4815162)),
            "--jornada", str(centre.jornada), "--organiser", ORGANISER,
            "--credentials", tmp_path / "none.json", "--directory", centre.network.stack.state.directory_file,
        ],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Traceback" not in done.stderr
