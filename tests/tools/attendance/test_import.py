"""The command `import` against the running network: each row is answered, and a file sent twice changes nothing."""

import contextlib
import csv
import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import codes, uuid7
from deploy.local import Network
from deploy.local.state import ROOT
from messaging.broker import Publication, Publisher
from messaging.topology import TopologyError
from tests import commands
from tests.messaging.partners import Partner
from tests.waiting import eventually

ORGANISER, PARTNER = "redcross", "iom"
DAY = date(2026, 3, 7)
HEADING = ["Nombres", "Tipo de documento", "Número de documento", "Sexo", "Servicios", "Autoriza"]


class Centre:
    """An organisation at the gateway of the running network, and a jornada of the organiser's."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder
        self.jornada = uuid7()
        self.plan()

    def plan(self) -> None:
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

    def words(self, file: Path, *options: str, by: str = ORGANISER, jornada: UUID | None = None) -> list[str]:
        """The module that imports a file, and what it is told."""
        return [
            "tools.attendance", "import", str(file),
            "--jornada", str(jornada or self.jornada), "--organiser", ORGANISER,
            "--credentials", str(self.home(by) / "credentials.json"),
            "--directory", str(self.network.stack.state.directory_file),
            "--report", str(self.folder / "report.csv"), "--on", DAY.isoformat(), *options,
        ]  # fmt: skip

    def report(self) -> list[dict[str, str]]:
        """What became of each line, in the order of the lines."""
        with (self.folder / "report.csv").open(encoding="utf-8", newline="") as written:
            return sorted(csv.DictReader(written), key=lambda row: int(row["line"]))

    def send(
        self, file: Path, *options: str, by: str = ORGANISER, jornada: UUID | None = None
    ) -> tuple[int, list[dict[str, str]], str]:
        """Import a file; return the exit status, the report by line, and all that was printed."""
        done = commands.run(*self.words(file, *options, by=by, jornada=jornada))
        return done.returncode, self.report(), done.stdout + done.stderr

    def refuse(self, file: Path, *options: str) -> str:
        """Import a file of which nothing is sent; return what is printed."""
        done = commands.run(*self.words(file, *options))
        assert (done.returncode, done.stdout) == (2, "")
        return done.stderr

    def lose_connections(self, of: str) -> int:
        """Have the broker close every connection of an organisation; return how many there were."""
        management = self.network.stack.management
        names = [one["name"] for one in management.get("connections") if one.get("user") == of]
        for name in names:
            with contextlib.suppress(TopologyError):  # it has gone by itself
                management.delete(f"connections/{quote(name, safe='')}")
        return len(names)

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


def test_connections_lost_on_the_way_cost_no_row_and_double_none(centre: Centre, number: int) -> None:
    people = 150
    centre.jornada = uuid7()  # nobody has planned it yet, so the rows wait for as long as this test likes
    file = centre.save(*(person(number + each) for each in range(people)))
    command = [sys.executable, "-m", *centre.words(file, "--patience", "300")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as importing:
        waiting = "select count(*) from parked where waiting_for = %s"
        eventually(lambda: centre.rows("events", waiting, str(centre.jornada)) == [(people,)])
        eventually(lambda: centre.lose_connections(ORGANISER))
        centre.plan()
        printed, _ = importing.communicate(timeout=300)
    assert importing.returncode == 0, printed
    assert [(int(row["line"]), row["outcome"]) for row in centre.report()] == [
        (line, "accepted") for line in range(2, people + 2)
    ]
    assert centre.present() == people


def test_what_is_no_answer_stays_in_the_common_inbox(centre: Centre, number: int) -> None:
    with closing(Partner(centre.network.stack, ORGANISER)) as system:
        system.bodies(f"inbox.{ORGANISER}", 0)  # what others have left need not be a message
    assert centre.send(centre.save(person(number)))[0] == 0
    consent = "select consent_id from consent join document using (person_id) where number = %s"
    ((consent_id,),) = eventually(lambda: centre.rows("intake", consent, str(number)))
    with closing(Partner(centre.network.stack, ORGANISER)) as system:
        receipts = eventually(lambda: [one for one in system.read(0) if one.subject == str(consent_id)])
    assert {one.type for one in receipts} == {"consent.receipt_issued.v1"}


def test_a_jornada_that_nobody_knows_leaves_the_rows_unanswered_and_says_so(centre: Centre, number: int) -> None:
    status, report, _ = centre.send(centre.save(person(number)), "--patience", "2", jornada=uuid7())
    assert (status, outcomes(report)) == (1, [("2", "unanswered", "")])


def test_of_a_kobo_file_that_breaks_off_nothing_is_sent(centre: Centre, number: int) -> None:
    file = centre.folder / "kobo.json"
    submission = {"datos/nombres": "Ana", "datos/tipo_documento": "PT", "datos/numero_documento": str(number)}
    file.write_text("[" + json.dumps(submission) + ", {")
    assert centre.refuse(file) == "The file is neither a submission nor an array of them, as JSON.\n"
    assert centre.present() == 0


def test_a_page_of_several_is_sent_and_not_taken_for_the_whole(centre: Centre, number: int) -> None:
    file = centre.folder / "page.json"
    person = {"nombres": "Ana", "tipo_documento": "PT", "numero_documento": str(number)}
    file.write_text(json.dumps({"count": 250, "next": "https://kobo.example.org/", "results": [person]}))
    status, report, printed = centre.send(file)
    assert (status, outcomes(report)) == (1, [("1", "accepted", "")])
    assert "one page of several" in printed


def test_columns_that_are_not_read_are_named_before_anything_is_sent_and_in_the_report(
    centre: Centre, number: int
) -> None:
    file = centre.folder / "list.csv"
    file.write_text(f"nombres;tipo doc;documento;Servicios prestados;Firma\nAna;PPT;{number};mercado;x\n")
    told = "2 columns were not read: Servicios prestados, Firma."
    assert centre.refuse(file, "--correct").startswith(told)
    assert centre.present() == 0

    status, report, printed = centre.send(file)
    assert (status, printed.count(told)) == (0, 1)
    assert [(row["line"], row["outcome"], row["column"]) for row in report] == [
        ("1", "not_read", "Servicios prestados"),
        ("1", "not_read", "Firma"),
        ("2", "accepted", ""),
    ]


DETAILS = "nombres;apellidos;tipo_documento;numero_documento;fecha_nacimiento;telefono;consentimiento"


def test_details_that_a_second_list_says_differently_are_corrected_when_asked(centre: Centre, number: int) -> None:
    first, second = centre.folder / "first.csv", centre.folder / "second.csv"
    first.write_text(f"{DETAILS}\nAna;Prueba;PPT;{number};14/02/1990;3001234567;si\n")
    second.write_text(f"{DETAILS}\nAna María;Prueba;PPT;{number};14/02/1991;3109876543;si\n")
    held = "select given_names, birth_date, phone from person join document using (person_id) where number = %s"
    before = ("Ana", date(1990, 2, 14), "+573001234567")
    after = ("Ana María", date(1991, 2, 14), "+573109876543")

    assert outcomes(centre.send(first)[1]) == [("2", "accepted", "")]
    assert outcomes(centre.send(first)[1]) == [("2", "repeated", "already_recorded")]
    assert outcomes(centre.send(second)[1]) == [("2", "repeated", "recorded_differently")]
    assert eventually(lambda: centre.rows("intake", held, str(number))) == [before]
    assert outcomes(centre.send(second, "--correct")[1]) == [("2", "corrected", "")]
    eventually(lambda: centre.rows("intake", held, str(number)) == [after])

    centre.jornada = uuid7()  # another of that day
    centre.plan()
    assert outcomes(centre.send(first, "--correct")[1]) == [("2", "matched", "")]
    eventually(lambda: centre.rows("intake", held, str(number)) == [before])


def test_details_that_another_jornada_did_not_replace_are_told_when_sent_again_and_corrected_when_asked(
    centre: Centre, number: int
) -> None:
    first, second = centre.folder / "first.csv", centre.folder / "second.csv"
    first.write_text(f"{DETAILS}\nAna;Prueba;PPT;{number};14/02/1990;3001234567;si\n")
    second.write_text(f"{DETAILS}\nAna María;Prueba;PPT;{number};14/02/1991;3109876543;si\n")
    held = "select given_names from person join document using (person_id) where number = %s"

    assert outcomes(centre.send(first)[1]) == [("2", "accepted", "")]
    centre.jornada = uuid7()  # another of that day
    centre.plan()
    assert outcomes(centre.send(second)[1]) == [("2", "matched", "")]
    assert outcomes(centre.send(second)[1]) == [("2", "repeated", "recorded_differently")]
    assert eventually(lambda: centre.rows("intake", held, str(number))) == [("Ana",)]
    assert outcomes(centre.send(second, "--correct")[1]) == [("2", "corrected", "")]
    eventually(lambda: centre.rows("intake", held, str(number)) == [("Ana María",)])
    assert outcomes(centre.send(second, "--correct")[1]) == [("2", "repeated", "already_recorded")]


def test_zeros_in_front_of_a_document_make_nobody_else(centre: Centre, number: int) -> None:
    assert centre.send(centre.save(person(number)))[0] == 0
    _, report, _ = centre.send(centre.save(["Yuleisy", "PPT", f"00{number}", "F", "Consulta médica", "Sí"]))
    assert outcomes(report) == [("2", "repeated", "already_recorded")]


def test_credentials_that_do_not_work_end_in_one_sentence(centre: Centre) -> None:
    words = centre.words(centre.save(person(4815162)))
    words[words.index("--credentials") + 1] = str(centre.folder / "none.json")
    done = commands.run(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Traceback" not in done.stderr
