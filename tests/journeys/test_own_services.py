"""An organisation that runs a service of Ruta's itself, on a database of its own, with nothing but its credentials."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import codes, sealing
from demo.stage import Ground
from deploy.local.operator_error import OperatorError
from deploy.local.own import OwnService
from deploy.local.state import ROOT
from tests.messaging.partners import Partner
from tests.waiting import eventually
from tools.attendance.desk import Answer, Desk
from tools.values.days import HERE

ORGANISER, PARTNER = "americares", "redcross"
STARTED = datetime.now(UTC) - timedelta(days=1)
STATES = "select state from jornada where jornada_id = %s"


@pytest.fixture(scope="module")
def own_events(ground: Ground) -> Iterator[OwnService]:
    credentials = ground.home(ORGANISER) / "credentials.json"
    with OwnService(ground.stack, "events", credentials) as own:
        yield own


@pytest.fixture
def organiser(ground: Ground) -> Iterator[Partner]:
    with closing(Partner(ground.stack, ORGANISER)) as partner:
        yield partner


@pytest.fixture
def partner(ground: Ground) -> Iterator[Partner]:
    with closing(Partner(ground.stack, PARTNER)) as partner:
        yield partner


def say(who: Partner, data: Any) -> UUID:
    """Say something, and return the id of the message."""
    draft = contracts.Draft(data, str(getattr(data, contracts.contract_of(data).about or "")))
    message = contracts.stamp(draft, source=who.organisation, time=datetime.now(UTC))
    who.submit(message)
    return message.id


def planned(jornada_id: UUID, organiser: str = ORGANISER) -> contracts.JornadaPlanned:
    return contracts.JornadaPlanned(
        jornada_id=jornada_id,
        organiser=organiser,
        planned_at=STARTED - timedelta(days=9),
        kind=codes.JornadaKind.OUTREACH_TRIP,
        name="Jornada de salud",
        zone="08001",
        place="Cancha La Chinita",
        starts_at=STARTED,
        ends_at=STARTED + timedelta(hours=8),
        contributions=(
            contracts.Contribution(organisation=ORGANISER, brings=("health.consultation",)),
            contracts.Contribution(organisation=PARTNER, brings=("wash.hygiene_kit",)),
        ),
    )


def states(url: str, jornada_id: UUID) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(STATES, (jornada_id,))]


def test_what_concerns_its_jornada_is_kept_in_its_own_database_alone(
    ground: Ground, own_events: OwnService, organiser: Partner, partner: Partner
) -> None:
    jornada_id = contracts.uuid7()
    whose: dict[str, Any] = {"jornada_id": jornada_id, "organiser": ORGANISER}

    say(organiser, planned(jornada_id))
    say(partner, contracts.JornadaPartnerConfirmed(**whose, brings=("wash.hygiene_kit",)))
    say(organiser, contracts.JornadaConfirmed(**whose))

    eventually(lambda: states(own_events.database_url, jornada_id) == ["confirmed"])
    told = eventually(lambda: [one for one in partner.read(0) if one.subject == str(jornada_id)])
    assert {one.type for one in told} == {"jornada.status.v1"}
    assert {one.source for one in told} == {ORGANISER}
    assert states(ground.stack.service_database_url("events"), jornada_id) == []


def test_what_concerns_another_organisers_jornada_is_kept_in_the_hub(
    ground: Ground, own_events: OwnService, partner: Partner
) -> None:
    jornada_id = contracts.uuid7()

    say(partner, planned(jornada_id, organiser=PARTNER))

    eventually(lambda: states(ground.stack.service_database_url("events"), jornada_id) == ["planned"])
    assert states(own_events.database_url, jornada_id) == []


def test_a_refusal_by_its_service_reaches_the_organisation_that_was_refused(
    own_events: OwnService, organiser: Partner, partner: Partner
) -> None:
    jornada_id = contracts.uuid7()
    say(organiser, planned(jornada_id))
    eventually(lambda: states(own_events.database_url, jornada_id))

    said = say(partner, contracts.JornadaConfirmed(jornada_id=jornada_id, organiser=ORGANISER))

    def refused_types() -> set[str | None]:
        """Of what was said: something else may have been refused before, and any refusal may come twice."""
        refusals = [one.data for one in partner.read(0) if isinstance(one.data, contracts.MessageRefused)]
        return {one.refused_type for one in refusals if one.refused_id == said}

    assert eventually(refused_types) == {"jornada.confirmed.v1"}


def test_what_its_own_service_says_of_a_registration_comes_to_the_hub(
    ground: Ground, own_events: OwnService, organiser: Partner
) -> None:
    jornada_id, attendance_id, person_id = contracts.uuid7(), contracts.uuid7(), contracts.uuid7()
    say(organiser, planned(jornada_id))
    say(organiser, contracts.JornadaConfirmed(jornada_id=jornada_id, organiser=ORGANISER))
    came = contracts.AttendanceRecorded(
        attendance_id=attendance_id,
        jornada_id=jornada_id,
        organiser=ORGANISER,
        person_id=person_id,
        present_at=STARTED + timedelta(hours=1),
        check_in=codes.CheckIn.LIST,
        served=(contracts.Served(need_code="health.consultation", delivered_by=ORGANISER),),
    )
    say(organiser, came)

    counted = "select present from attendance where attendance_id = %s"

    def in_the_reports() -> list[Any]:
        with psycopg.connect(ground.stack.service_database_url("reports")) as connection:
            return connection.execute(counted, (attendance_id,)).fetchall()

    eventually(lambda: in_the_reports() == [(True,)])


REGISTERED_BY = "select registered_by from person where person_id = %s"
PERSON = {"given_names": "Yuleisy", "documents": [{"type": "PT", "number": "4815162"}]}


def sealed(ground: Ground, person: dict[str, Any]) -> str:
    keys = json.loads(ground.stack.state.directory_file.read_text())["organisations"]
    return sealing.seal(person, keys["hub"]["public_key"])


def registered_by(ground: Ground, person_id: UUID) -> list[str]:
    with psycopg.connect(ground.stack.service_database_url("intake")) as connection:
        return [row[0] for row in connection.execute(REGISTERED_BY, (person_id,))]


def came(jornada_id: UUID, **overrides: Any) -> contracts.AttendanceRecorded:
    return contracts.AttendanceRecorded(
        attendance_id=contracts.uuid7(),
        jornada_id=jornada_id,
        organiser=ORGANISER,
        person_id=contracts.uuid7(),
        present_at=STARTED + timedelta(hours=1),
        check_in=codes.CheckIn.LIST,
        **overrides,
    )


def test_whom_the_organiser_takes_down_at_its_own_jornada_it_registers(
    ground: Ground, own_events: OwnService, organiser: Partner
) -> None:
    jornada_id = contracts.uuid7()
    say(organiser, planned(jornada_id))
    attendance = came(jornada_id, sealed=sealed(ground, PERSON))
    say(organiser, attendance)

    eventually(lambda: registered_by(ground, attendance.person_id) == [ORGANISER])


def test_whom_the_organiser_refers_from_its_own_jornada_is_asked_for_in_its_name(
    ground: Ground, own_events: OwnService, organiser: Partner
) -> None:
    jornada_id, referral_id = contracts.uuid7(), contracts.uuid7()
    say(organiser, planned(jornada_id))
    consent = contracts.ConsentTaken(
        consent_id=contracts.uuid7(),
        purposes=(codes.ConsentPurpose.REFER,),
        recipients=(PARTNER,),
        field_groups=(codes.FieldGroup.IDENTITY,),
        given_by=codes.ConsentGivenBy.PERSON,
        manner=codes.ConsentManner.SIGNED,
        language="es",
    )
    refer = contracts.ReferTo(referral_id=referral_id, recipient=PARTNER, service_id=contracts.uuid7())
    need = contracts.NeedFound(
        need_id=contracts.uuid7(), need_code="shelter.rent", urgency=codes.Urgency.NORMAL, refer=refer
    )
    say(organiser, came(jornada_id, sealed=sealed(ground, PERSON), consent=consent, needs=(need,)))

    asked = "select referred_by, recipient from need_referral where referral_id = %s"

    def in_intake() -> list[Any]:
        with psycopg.connect(ground.stack.service_database_url("intake")) as connection:
            return connection.execute(asked, (referral_id,)).fetchall()

    eventually(lambda: in_intake() == [(ORGANISER, PARTNER)])


def test_a_partners_people_are_not_registered_by_the_organiser_but_refused(
    ground: Ground, own_events: OwnService, organiser: Partner
) -> None:
    jornada_id = contracts.uuid7()
    say(organiser, planned(jornada_id))
    whole = came(jornada_id, sealed=sealed(ground, PERSON))
    bare = came(jornada_id, served=(contracts.Served(need_code="wash.hygiene_kit", delivered_by=PARTNER),))
    with Desk(ground.home(PARTNER) / "credentials.json") as desk:
        messages = [desk.stamp(whole), desk.stamp(bare)]
        desk.send(messages)
        answers: dict[UUID | None, Answer] = {}

        def both() -> bool:
            answers.update({one.message_id: one for one in desk.answers(within=0.1)})
            return {one.id for one in messages} <= answers.keys()

        eventually(both)
    refused, accepted = (answers[one.id] for one in messages)
    assert (refused.code, accepted.outcome) == ("register_it_yourself", "accepted")
    attended = "select person_id from attendance where jornada_id = %s"
    with psycopg.connect(own_events.database_url) as connection:
        assert connection.execute(attended, (jornada_id,)).fetchall() == [(bare.person_id,)]
    assert registered_by(ground, whole.person_id) == []


def test_a_partner_sends_its_list_and_registers_its_people_itself(
    ground: Ground, own_events: OwnService, organiser: Partner, tmp_path: Path
) -> None:
    jornada_id = contracts.uuid7()
    say(organiser, planned(jornada_id))
    number = str(contracts.uuid7().int % 10**12 + 10**12)
    file = tmp_path / "list.csv"
    heading = "nombres;tipo_documento;numero_documento;fecha_atencion;hora_atencion;servicios;consentimiento"
    came_at = (STARTED + timedelta(hours=1)).astimezone(HERE).strftime("%Y-%m-%d;%H:%M")
    file.write_text(f"{heading}\nYuleisy;PPT;{number};{came_at};Kit de higiene;si\n")

    refused = send_list(ground, file, jornada_id)
    assert "register_it_yourself" in refused
    assert "--register-first" in refused
    assert "accepted" in send_list(ground, file, jornada_id, "--register-first")

    whose = "select registered_by from person join document using (person_id) where number = %s"

    def in_intake() -> list[Any]:
        with psycopg.connect(ground.stack.service_database_url("intake")) as connection:
            return connection.execute(whose, (number,)).fetchall()

    eventually(lambda: in_intake() == [(PARTNER,)])


def send_list(ground: Ground, file: Path, jornada_id: UUID, *options: str) -> str:
    """Send a list as the partner, with `./ruta attendance import`; return what is printed."""
    command: list[str | Path] = [
        sys.executable, "-m", "tools.attendance", "import", file,
        "--jornada", str(jornada_id), "--organiser", ORGANISER,
        "--credentials", ground.home(PARTNER) / "credentials.json", "--directory", ground.stack.state.directory_file,
        *options,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_service_that_the_network_file_does_not_give_an_organisation_is_refused_in_words(ground: Ground) -> None:
    credentials = ground.home(PARTNER) / "credentials.json"
    with pytest.raises(OperatorError, match="does not know that redcross runs events itself"):
        OwnService(ground.stack, "events", credentials)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"organisation": "iom"}'])
def test_credentials_that_are_none_are_refused_in_words(ground: Ground, tmp_path: Path, content: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    with pytest.raises(OperatorError, match="is not a credentials file"):
        OwnService(ground.stack, "events", file)
