"""Writes the years: every message of every organisation, month by month, in the words of the contracts.

Only single people, days and steps are written down. What they come to is for the report to count.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

from contracts import codes
from demo.people import BARRANQUILLA, make_people
from demo.plan import Number, Step
from demo.words import person_block
from demo.years.cast import Known, Registration, written_down_elsewhere
from demo.years.totals import Totals

CENTRE, REDCROSS, IOM, AMERICARES, FUVADIS, OPPORTUNITIES = (
    "barranquilla",
    "redcross",
    "iom",
    "americares",
    "fuvadis",
    "oportunidades",
)
ORGANISATIONS = (CENTRE, REDCROSS, IOM, AMERICARES, FUVADIS, OPPORTUNITIES)

MONTHS = 24  # February 2021 to January 2023
THE_END = MONTHS + 1  # when a coordinator links by hand what nobody proposed
OFFICES = {CENTRE: 60, IOM: 15, REDCROSS: 12, FUVADIS: 8, AMERICARES: 5}  # who registers, and how much of it

SENT_TWICE = 0.02  # of all messages
REGISTERED_TWICE = 0.04  # of the people registered for the Statute, by another organisation
GOES_FURTHER = 0.3  # of them, to their biometric registration
AFTER_THE_YEARS = 0.002  # registered in January 2023, which the figures leave out
LATE = 0.15  # of the attendance: sent a month after the event was reported
CORRECTED = 0.05  # of the attendance
REFERRED = 10  # one in so many who come to a trip is referred from there, if they are registered there
LEGAL_ADVICE = "protection.legal_advice"  # what they lack
FOOD, TRAINING, PSYCHOSOCIAL, DOCUMENTS, WORKSHOP, TRANSPORT = (
    "food_security.food_basket",
    "education.training",
    "health.psychosocial",
    "protection.documentation",
    "education.workshop",
    "humanitarian_transportation.local",
)
PLACES = ("Cancha La Chinita", "Parque Las Nieves", "Colegio de El Bosque", "Salón La Luz")
SIX_SERVICES = (TRAINING, PSYCHOSOCIAL, DOCUMENTS, WORKSHOP, FOOD, TRANSPORT)
ADVICE = str(uuid5(NAMESPACE_OID, f"{CENTRE} {LEGAL_ADVICE}"))  # the service
AT_A_TRIP = (  # who brings what
    (AMERICARES, "health.consultation"),
    (FUVADIS, "protection.gbv_prevention_workshop"),
    (REDCROSS, "child_protection.youth_activity"),
)


@dataclass
class Script:
    """What every organisation will say, and what only the coordinator knows: who is the same person."""

    steps: dict[str, list[Step]] = field(default_factory=lambda: {name: [] for name in ORGANISATIONS})
    same: list[list[str]] = field(default_factory=list)  # the ids of each who has several
    refused: set[str] = field(default_factory=set)  # steps that the network is to refuse

    @property
    def messages(self) -> int:
        return sum(step["copies"] for steps in self.steps.values() for step in steps)


def write(totals: Totals, seed: int) -> Script:
    """Write the years so that single people, days and steps come to these totals."""
    years = _Years(totals, random.Random(seed))  # noqa: S311 - invented people, no secrets
    years.write()
    return years.script


def month_begins(month: int) -> datetime:
    """The first moment of a month: 1 is February 2021."""
    return datetime(2021 + month // 12, month % 12 + 1, 1, tzinfo=UTC)


class _Years:
    """The script under construction."""

    def __init__(self, totals: Totals, rng: random.Random) -> None:
        self.totals = totals
        self.script = Script()
        self._rng = rng
        self._steps = 0
        self._mistaken = max(2, totals.registered // 1000)  # at events, and as many at offices
        later = max(2, round(totals.registered * AFTER_THE_YEARS))
        migrants = totals.registered + later + 2 * self._mistaken
        neighbours = totals.trips * 20 + totals.pilot + totals.entrepreneurs
        self._migrants = self._people(migrants, from_venezuela=1.0)
        self._neighbours = self._people(neighbours, from_venezuela=0.0)
        self._jornadas: list[_Jornada] = []
        self._referred: list[_Referred] = []  # from trips
        self._by_month: dict[str, dict[int, list[Step]]] = {name: defaultdict(list) for name in ORGANISATIONS}

    def _people(self, count: int, *, from_venezuela: float) -> list[Known]:
        people = make_people(count, self._rng.randrange(2**32), from_venezuela=from_venezuela)
        # They were as old then as the people of the day at the centre are now.
        return [Known(replace(one, birth_date=one.birth_date - timedelta(days=5 * 366))) for one in people]

    def write(self) -> None:
        registered, rest = self._split(self._migrants, self.totals.registered)
        by_mistake, later = self._split(rest, 2 * self._mistaken)
        at_events, at_offices = registered[: self.totals.at_etpv_events], registered[self.totals.at_etpv_events :]
        self._statute_at_events(at_events, by_mistake[: self._mistaken])
        self._statute_by_mistake(by_mistake[self._mistaken :])
        self._statute_at_offices(at_offices, months=range(4, 24))
        self._statute_at_offices(later, months=range(24, 25))
        self._registered_elsewhere(self._rng.sample(registered, round(len(registered) * REGISTERED_TWICE)))
        self._trips(self._rng.sample(at_offices, min(len(at_offices), 10 * self.totals.trips)))
        self._pilot(self._rng.sample(at_offices, self.totals.pilot * 2 // 3))
        self._entrepreneurs(self._rng.sample(at_offices, self.totals.entrepreneurs * 2 // 3))
        self._households(self._rng.sample(at_offices, max(4, self.totals.registered // 600)))
        for jornada in self._jornadas:  # when everybody who is not late has sent their attendance
            whose = {"jornada_id": jornada.jornada_id, "organiser": jornada.organiser}
            self._say(jornada.organiser, jornada.month + 1, "jornada.reported.v1", jornada.jornada_id, whose)
        self._advise()
        everybody = (*self._migrants, *self._neighbours)
        self.script.same = [known.ids for known in everybody if len(known.registrations) > 1]
        for organisation, months in self._by_month.items():
            self.script.steps[organisation] = [step for month in sorted(months) for step in months[month]]

    # -- registration for the Statute ----------------------------------------------------------------------------------

    def _statute_at_offices(self, people: Sequence[Known], months: range) -> None:
        names, weights = list(OFFICES), list(OFFICES.values())
        for known in people:
            month = self._rng.choice(months)
            registration = self._register(known, self._rng.choices(names, weights)[0], month)
            self._take_step(registration, "pre_registration", month)
            if self._rng.random() < GOES_FURTHER:
                self._take_step(registration, "biometric_registration", min(month + 2, MONTHS))

    def _registered_elsewhere(self, people: Sequence[Known]) -> None:
        """The same people at another organisation, which does not know and registers them for the Statute again."""
        for known in people:
            first = known.registrations[0]
            other = self._rng.choice([name for name in OFFICES if name != first.organisation])
            month = min(self._month_of(first.at) + self._rng.randrange(3), 23)
            self._take_step(self._register(known, other, month), "pre_registration", month)

    def _statute_by_mistake(self, people: Sequence[Known]) -> None:
        """Steps that were written down of the wrong person, and taken back."""
        for known in people:
            month = self._rng.randrange(4, 22)
            step_id = self._take_step(self._register(known, CENTRE, month), "pre_registration", month)
            struck = {"step_id": step_id, "reason": "wrong_person"}
            self._say(CENTRE, month + 1, "etpv.step_struck_out.v1", step_id, struck)

    def _take_step(self, registration: Registration, step: str, month: int) -> str:
        step_id, at = self._id(), max(registration.at + timedelta(minutes=20), self._when(month))
        data = {"step_id": step_id, "person_id": registration.person_id, "step": step, "taken_at": at.isoformat()}
        self._say(registration.organisation, month, "etpv.step_taken.v1", step_id, data)
        return step_id

    # -- outreach events -----------------------------------------------------------------------------------------------

    def _statute_at_events(self, people: Sequence[Known], by_mistake: Sequence[Known]) -> None:
        """Events that register people for the Statute; some come twice, some were never there and are struck out."""
        organisers = self._rng.choices((CENTRE, IOM, REDCROSS, FUVADIS), (5, 2, 2, 1), k=self.totals.etpv_events)
        events = [
            self._jornada(organiser, "etpv_registration", self._rng.randrange(4, 22), partners=(CENTRE, IOM))
            for organiser in organisers
        ]
        self._cancelled(CENTRE, "etpv_registration")
        for place, known in enumerate(people):
            jornada = events[place % len(events)]
            self._attend(jornada, known, jornada.organiser, etpv_steps=("rumv_account", "pre_registration"))
            if place % 50 == 7 and len(events) > 1:
                again = events[(place + 1) % len(events)]
                self._attend(again, known, again.organiser, etpv_steps=("characterisation_survey",))

        for place, known in enumerate(by_mistake):
            jornada = events[place % len(events)]
            attendance_id = self._attend(jornada, known, jornada.organiser, etpv_steps=("pre_registration",))
            whose = {"jornada_id": jornada.jornada_id, "organiser": jornada.organiser}
            struck = {"attendance_id": attendance_id, "reason": "training_or_test"}
            self._say(jornada.organiser, jornada.month + 3, "attendance.struck_out.v1", attendance_id, whose | struck)

    def _trips(self, migrants: Sequence[Known]) -> None:
        """Trips of several organisations; Americares keeps most of them in an events service of its own."""
        organisers = self._rng.choices((AMERICARES, REDCROSS, FUVADIS), (6, 2, 2), k=self.totals.trips)
        organisers[0] = AMERICARES
        months = [1 + place % 11 for place in range(self.totals.trips)]  # February to December 2021
        neighbours, self._neighbours_left = self._split(self._neighbours, self.totals.trips * 20)
        people = [*migrants, *neighbours]
        self._rng.shuffle(people)
        trips = [
            self._jornada(organiser, "outreach_trip", month, partners=[name for name, _ in AT_A_TRIP], brings=AT_A_TRIP)
            for organiser, month in zip(organisers, months, strict=True)
        ]
        self._jornada(REDCROSS, "outreach_trip", 14, partners=(FUVADIS,))  # in 2022: not one of the published trips
        self._cancelled(AMERICARES, "outreach_trip")
        for place, known in enumerate(people):
            trip = trips[place % len(trips)]
            served = [one for one in AT_A_TRIP if self._rng.random() < 0.6] or [AT_A_TRIP[0]]
            self._attend(trip, known, trip.organiser, served=served, referred=place % REFERRED == 0)

    def _advise(self) -> None:
        """The centre offers legal advice, and gives it to whoever was referred from a trip: nobody typed them twice."""
        offer = {
            "service_id": ADVICE,
            "name": "Asesoría jurídica",
            "need_codes": [LEGAL_ADVICE],
            "active": True,
            "zones": [BARRANQUILLA],
        }
        self._say(CENTRE, 1, "service.published.v2", ADVICE, offer)
        met = {"outcome": "need_met"}
        for referral_id, by, month in self._referred:
            about = {"referral_id": referral_id}
            self._say(CENTRE, month, "referral.received.v1", referral_id, about, after=(referral_id, 1))
            self._say(CENTRE, month, "referral.accepted.v1", referral_id, about, after=(referral_id, 2))
            self._say(CENTRE, month, "referral.completed.v1", referral_id, about | met, after=(referral_id, 3))
            self._say(by, month, "referral.closed.v1", referral_id, about | met, after=(referral_id, 4))

    def _jornada(
        self,
        organiser: str,
        kind: str,
        month: int,
        *,
        partners: Sequence[str],
        brings: Sequence[tuple[str, str]] = (),
    ) -> "_Jornada":
        jornada_id, starts = self._id(), self._when(month).replace(hour=13)
        jornada = _Jornada(jornada_id, organiser, month, starts, tuple({organiser, *partners}))
        contributions = [
            {"organisation": name, "brings": sorted({need for who, need in brings if who == name})}
            for name in sorted(jornada.partners)
        ]
        plan = {
            "jornada_id": jornada_id,
            "organiser": organiser,
            "planned_at": (starts - timedelta(days=30)).isoformat(),
            "kind": kind,
            "name": f"Jornada {starts:%d/%m/%Y}",
            "zone": BARRANQUILLA,
            "place": self._rng.choice(PLACES),
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(hours=8)).isoformat(),
            "capacity": 400,
            "contributions": contributions,
        }
        whose = {"jornada_id": jornada_id, "organiser": organiser}
        self._say(organiser, month - 1, "jornada.planned.v1", jornada_id, plan)
        for partner in sorted(set(jornada.partners) - {organiser}):
            brought = sorted({need for who, need in brings if who == partner})
            self._say(partner, month - 1, "jornada.partner_confirmed.v1", jornada_id, whose | {"brings": brought})
        self._say(organiser, month, "jornada.confirmed.v1", jornada_id, whose)
        held = whose | {"held_at": (starts + timedelta(hours=8)).isoformat()}
        self._say(organiser, month, "jornada.held.v1", jornada_id, held)
        self._jornadas.append(jornada)
        return jornada

    def _cancelled(self, organiser: str, kind: str) -> None:
        """An event that is planned and does not take place."""
        month, jornada_id = self._rng.randrange(2, 10), self._id()
        starts = self._when(month + 1).replace(hour=13)
        whose = {"jornada_id": jornada_id, "organiser": organiser}
        plan = whose | {
            "planned_at": (starts - timedelta(days=30)).isoformat(),
            "kind": kind,
            "name": f"Jornada {starts:%d/%m/%Y}",
            "zone": BARRANQUILLA,
            "place": "Parque Las Nieves",
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(hours=8)).isoformat(),
            "contributions": [],
        }
        self._say(organiser, month, "jornada.planned.v1", jornada_id, plan)
        self._say(organiser, month, "jornada.cancelled.v1", jornada_id, whose | {"reason": "weather"})

    def _attend(
        self,
        jornada: "_Jornada",
        known: Known,
        by: str,
        *,
        etpv_steps: Sequence[str] = (),
        served: Sequence[tuple[str, str]] = (),
        referred: bool = False,
    ) -> str:
        """Somebody comes; who is known to the organisation comes under their id, who is not is registered there.

        Who is registered there may be referred to the centre from there, too.
        """
        registration = self._by_then(known, by, month_begins(jornada.month))
        seal, attendance_id = None, self._id()
        present_at = jornada.starts + timedelta(minutes=self._rng.randrange(10, 400))
        data: dict[str, Any] = {
            "attendance_id": attendance_id,
            "jornada_id": jornada.jornada_id,
            "organiser": jornada.organiser,
            "present_at": present_at.isoformat(),
            "served": [{"need_code": need, "delivered_by": who} for who, need in served],
            "etpv_steps": list(etpv_steps),
        }
        if registration is None:
            registration = self._write_down(known, by, present_at)
            seal = ("hub", registration.block)
            data["consent"] = self._terms(by)
        data["person_id"] = registration.person_id
        late = self._rng.random() < LATE
        month = min(jornada.month + (2 if late else 1), MONTHS)
        if referred and seal is not None:
            data["consent"] |= {"purposes": ["register", "serve", "refer", "report"], "recipients": [by, CENTRE]}
            data["needs"] = [self._refer(attendance_id, by, month)]
        came = data | {"check_in": "spreadsheet" if late else "list"}
        self._say(by, month, "attendance.recorded.v1", attendance_id, came, seal=seal)
        if self._rng.random() < CORRECTED and served:
            less = data | {"served": data["served"][:1], "corrected_at": self._when(month).isoformat()}
            less.pop("consent", None)
            self._say(by, min(month + 1, MONTHS), "attendance.corrected.v1", attendance_id, less)
        return attendance_id

    def _refer(self, attendance_id: str, by: str, month: int) -> dict[str, Any]:
        """What somebody lacks who has come, and where they are referred to."""
        need_id, referral_id = (str(uuid5(UUID(attendance_id), what)) for what in ("need", "referral"))
        self._referred.append(_Referred(referral_id, by, month))
        refer = {"referral_id": referral_id, "recipient": CENTRE, "service_id": ADVICE}
        return {"need_id": need_id, "need_code": LEGAL_ADVICE, "urgency": "normal", "refer": refer}

    # -- employment ----------------------------------------------------------------------------------------------------

    def _pilot(self, migrants: Sequence[Known]) -> None:
        """The pilot, which the centre runs in the hub's employment service."""
        neighbours, self._neighbours_left = self._split(self._neighbours_left, self.totals.pilot - len(migrants))
        employers = [self._employer(self._rng.randrange(3, 12)) for _ in range(self.totals.pilot_employers)]
        vacancies = [self._vacancy(employer, 12) for employer in employers[:60]]
        for place, known in enumerate((*migrants, *neighbours)):
            registration = self._known_to(known, CENTRE, 12)
            participation = self._participate(registration, 12)
            self._walk(participation, registration, vacancies[place % len(vacancies)], gets_work=place % 3 != 0)
            if place % 20 == 5:  # enrolled again under the id of another organisation
                elsewhere = self._known_to(known, REDCROSS, 12)
                self._participate(elsewhere, 13)
            if place % 30 == 3:  # entered by mistake
                mistaken = self._known_to(self._neighbours_left[place], CENTRE, 12)
                wrong = self._participate(mistaken, 13)
                struck = {"participation_id": wrong, "reason": "wrong_person"}
                self._say(CENTRE, 14, "participation.struck_out.v1", wrong, struck)

    def _employer(self, month: int) -> str:
        employer_id, agreement_id, at = self._id(), self._id(), self._when(month)
        data = {
            "employer_id": employer_id,
            "registered_at": at.isoformat(),
            "name": f"Comercializadora {self._rng.randrange(100, 999)}",
            "economic_sector": self._rng.choice(("commerce", "food_services", "construction", "manufacturing")),
            "zone": BARRANQUILLA,
        }
        self._say(CENTRE, month, "employer.registered.v1", employer_id, data)
        agreement = {
            "agreement_id": agreement_id,
            "employer_id": employer_id,
            "programme": "employment_pilot",
            "signed_on": at.date().isoformat(),
        }
        self._say(CENTRE, month, "employer.agreement_signed.v1", employer_id, agreement)
        if self._rng.random() < 0.1:  # sent in again with a correction
            again = data | {"registered_at": (at + timedelta(days=30)).isoformat(), "zone": "08758"}
            self._say(CENTRE, month + 1, "employer.registered.v1", employer_id, again)
        return employer_id

    def _vacancy(self, employer_id: str, month: int) -> str:
        vacancy_id = self._id()
        data = {
            "vacancy_id": vacancy_id,
            "employer_id": employer_id,
            "title": "Auxiliar de bodega",
            "occupation": "9333",
            "places": 10,
            "zone": BARRANQUILLA,
            "contract_offered": "fixed_term",
            "opened_at": self._when(month).isoformat(),
        }
        self._say(CENTRE, month, "vacancy.opened.v1", vacancy_id, data)
        return vacancy_id

    def _participate(self, registration: Registration, month: int) -> str:
        participation_id = self._id()
        data = {
            "participation_id": participation_id,
            "person_id": registration.person_id,
            "programme": "employment_pilot",
            "started_at": self._when(month).isoformat(),
        }
        self._say(CENTRE, month, "participation.started.v1", participation_id, data)
        return participation_id

    def _walk(self, participation: str, registration: Registration, vacancy: str, *, gets_work: bool) -> None:
        """The six services, the steps of the route, and work for some."""
        whose = {"participation_id": participation}
        for need in self._rng.sample(SIX_SERVICES, self._rng.randrange(4, 7)):
            month = self._rng.randrange(12, 18)
            received = whose | {
                "delivery_id": self._id(),
                "need_code": need,
                "delivered_by": CENTRE,
                "delivered_at": self._when(month).isoformat(),
                "zone": BARRANQUILLA,
            }
            self._say(CENTRE, month, "participation.service_received.v1", participation, received)
        for month, step in enumerate(("cv_registered", "vocational_guidance", "training", "shortlisted"), 12):
            taken = whose | {"step": step, "taken_at": self._when(month).isoformat()}
            self._say(CENTRE, month, "participation.step_taken.v1", participation, taken)
        candidacy = self._id()
        put = whose | {"candidacy_id": candidacy, "vacancy_id": vacancy, "put_forward_at": self._when(16).isoformat()}
        self._say(CENTRE, 16, "candidacy.put_forward.v1", candidacy, put)
        if not gets_work:
            no = {"candidacy_id": candidacy, "by_employer": True, "rejected_at": self._when(17).isoformat()}
            self._say(CENTRE, 17, "candidacy.rejected.v1", candidacy, no)
            return
        met = {"candidacy_id": candidacy, "interviewed_at": self._when(17).isoformat()}
        self._say(CENTRE, 17, "candidacy.interviewed.v1", candidacy, met)
        starts = self._when(18)
        works = {"candidacy_id": candidacy, "starts_on": starts.date().isoformat(), "contract_signed": "fixed_term"}
        self._say(CENTRE, 18, "candidacy.placed.v1", candidacy, works)
        asked = {
            "candidacy_id": candidacy,
            "day": 30,
            "result": "still_employed",
            "followed_up_at": (starts + timedelta(days=31)).isoformat(),
        }
        self._say(CENTRE, 20, "placement.followed_up.v1", candidacy, asked)

    # -- entrepreneurs -------------------------------------------------------------------------------------------------

    def _entrepreneurs(self, migrants: Sequence[Known]) -> None:
        """The Centre for Opportunities accompanies them, in an employment service of its own."""
        rest = self.totals.entrepreneurs - len(migrants)
        neighbours, self._neighbours_left = self._split(self._neighbours_left, rest)
        for place, known in enumerate((*migrants, *neighbours)):
            month = self._rng.randrange(2, 18)
            entrepreneur = self._accompany(self._known_to(known, OPPORTUNITIES, month), month)
            whose = {"entrepreneur_id": entrepreneur}
            for session in range(self._rng.randrange(1, 4)):
                held = whose | {
                    "session_id": self._id(),
                    "held_at": self._when(month + 1 + session).isoformat(),
                    "minutes": 60,
                }
                self._say(OPPORTUNITIES, month + 1 + session, "entrepreneur.session_held.v1", entrepreneur, held)
            if place % 3 == 0:
                approved = whose | {"approved_at": self._when(month + 4).isoformat()}
                self._say(OPPORTUNITIES, month + 4, "entrepreneur.plan_approved.v1", entrepreneur, approved)
                at = self._when(month + 5).isoformat()
                granted = whose | {"grant_id": self._id(), "pesos": 2_000_000, "granted_at": at}
                self._say(OPPORTUNITIES, month + 5, "entrepreneur.capital_granted.v1", entrepreneur, granted)
        # One who never met the mentor, and one entered by mistake: neither has been mentored.
        for known in self._neighbours_left[-2:]:
            self._accompany(self._known_to(known, OPPORTUNITIES, 5), 5)
        mistaken = self._accompany(self._known_to(self._neighbours_left[-3], OPPORTUNITIES, 6), 6)
        whose = {"entrepreneur_id": mistaken}
        met = whose | {"session_id": self._id(), "held_at": self._when(7).isoformat(), "minutes": 45}
        self._say(OPPORTUNITIES, 7, "entrepreneur.session_held.v1", mistaken, met)
        struck = whose | {"reason": "wrong_person"}
        self._say(OPPORTUNITIES, 8, "entrepreneur.struck_out.v1", mistaken, struck)

    def _accompany(self, registration: Registration, month: int) -> str:
        entrepreneur, at = self._id(), self._when(month)
        enrolled = {
            "entrepreneur_id": entrepreneur,
            "person_id": registration.person_id,
            "business": self._rng.choice(("food", "tailoring", "hairdressing", "repairs")),
            "zone": BARRANQUILLA,
            "enrolled_at": at.isoformat(),
        }
        self._say(OPPORTUNITIES, month, "entrepreneur.enrolled.v1", entrepreneur, enrolled)
        assigned = (at + timedelta(days=1)).isoformat()
        mentor = {"entrepreneur_id": entrepreneur, "mentor": "M-07", "assigned_at": assigned}
        self._say(OPPORTUNITIES, month, "entrepreneur.mentor_assigned.v1", entrepreneur, mentor)
        return entrepreneur

    # -- the integration route -----------------------------------------------------------------------------------------

    def _households(self, people: Sequence[Known]) -> None:
        """Families on the route: the work that one of them lacks is found through a referral that nobody types twice.

        The centre identifies the need and refers it; the Centre for Opportunities finds work; the placement completes
        the referral, which the centre closes, and the household's route moves on.
        """
        service_id, employer_id, vacancy_id = self._id(), self._id(), self._id()
        opens = self._when(2).isoformat()
        offer = {
            "service_id": service_id,
            "name": "Ruta de empleabilidad",
            "need_codes": ["integration.employment"],
            "active": True,
            "zones": [BARRANQUILLA],
        }
        self._say(OPPORTUNITIES, 2, "service.published.v2", service_id, offer)
        employer = {
            "employer_id": employer_id,
            "registered_at": opens,
            "name": "Panificadora La Espiga",
            "economic_sector": "food_services",
            "zone": BARRANQUILLA,
        }
        self._say(OPPORTUNITIES, 2, "employer.registered.v1", employer_id, employer)
        vacancy = {
            "vacancy_id": vacancy_id,
            "employer_id": employer_id,
            "title": "Auxiliar de panadería",
            "occupation": "7512",
            "places": len(people),
            "zone": BARRANQUILLA,
            "contract_offered": "indefinite",
            "opened_at": opens,
        }
        self._say(OPPORTUNITIES, 2, "vacancy.opened.v1", vacancy_id, vacancy)
        referrals = [self._household(known, service_id) for known in people]
        for first in range(0, len(referrals), 50):
            batch_id = self._id()
            batch = {"batch_id": batch_id, "referrals": referrals[first : first + 50]}
            self._say(CENTRE, 9, "needs.referred.v1", batch_id, batch)
        for referral in referrals:
            self._find_work(referral["referral_id"], vacancy_id)

    def _household(self, known: Known, service_id: str) -> dict[str, str]:
        """Welcome a family, plan its route, and prepare the referral of what it lacks most."""
        person_id = self._known_to(known, CENTRE, 7).person_id
        household_id, route_id, need_id, referral_id = (self._id() for _ in range(4))
        members = [{"person_id": person_id, "role": "head"}]
        recorded = {"household_id": household_id, "recorded_at": self._when(8).isoformat(), "members": members}
        self._say(CENTRE, 8, "household.recorded.v1", household_id, recorded)
        whose = {"route_id": route_id}
        opened = whose | {"household_id": household_id, "opened_at": self._when(8).isoformat()}
        self._say(CENTRE, 8, "route.opened.v1", route_id, opened)
        self._assess(route_id, 8, points=2)
        tracks = {"planned_at": self._when(8).isoformat(), "tracks": ["employment", "health_affiliation"]}
        self._say(CENTRE, 8, "route.planned.v1", route_id, whose | tracks)
        need = {
            "need_id": need_id,
            "person_id": person_id,
            "need_code": "integration.employment",
            "urgency": "normal",
            "identified_at": self._when(8).isoformat(),
            "zone": BARRANQUILLA,
        }
        self._say(CENTRE, 8, "need.identified.v1", need_id, need)
        terms = self._terms(CENTRE) | {
            "purposes": ["refer", "serve", "follow_up"],
            "recipients": [OPPORTUNITIES],
            "field_groups": ["identity", "contact", "employment"],
        }
        consent = terms | {"person_id": person_id, "valid_from": month_begins(8).isoformat()}
        self._say(CENTRE, 8, "consent.granted.v1", terms["consent_id"], consent)
        moved = {"track": "health_affiliation", "state": "done", "moved_at": self._when(10).isoformat()}
        self._say(CENTRE, 10, "route.track_moved.v1", route_id, whose | moved)
        # The placement completes the referral with its fifth message; then the centre hears from the family.
        closed = {"referral_id": referral_id, "outcome": "need_met"}
        self._say(CENTRE, 14, "referral.closed.v1", referral_id, closed, after=(referral_id, 5))
        for month in (16, 19):
            self._assess(route_id, month, points=4)
        return {
            "referral_id": referral_id,
            "need_id": need_id,
            "recipient": OPPORTUNITIES,
            "service_id": service_id,
            "consent_id": terms["consent_id"],
        }

    def _assess(self, route_id: str, month: int, *, points: int) -> None:
        scores = [{"domain": domain.value, "points": self._rng.choice((points, points + 1))} for domain in codes.Domain]
        data = {
            "route_id": route_id,
            "assessment_id": self._id(),
            "assessed_at": self._when(month).isoformat(),
            "scores": scores,
        }
        self._say(CENTRE, month, "route.assessed.v1", route_id, data)

    def _find_work(self, referral_id: str, vacancy_id: str) -> None:
        """What the Centre for Opportunities does for whom a referral has brought to its employment service."""
        participation = participation_of(referral_id)
        for month, step in ((10, "cv_registered"), (10, "vocational_guidance"), (11, "shortlisted")):
            taken = {"participation_id": participation, "step": step, "taken_at": self._when(month).isoformat()}
            self._say(OPPORTUNITIES, month, "participation.step_taken.v1", participation, taken)
        candidacy = {"candidacy_id": self._id()}
        put = {
            "participation_id": participation,
            "vacancy_id": vacancy_id,
            "put_forward_at": self._when(11).isoformat(),
        }
        self._say(OPPORTUNITIES, 11, "candidacy.put_forward.v1", candidacy["candidacy_id"], candidacy | put)
        met = {"interviewed_at": self._when(12).isoformat()}
        self._say(OPPORTUNITIES, 12, "candidacy.interviewed.v1", candidacy["candidacy_id"], candidacy | met)
        works = {"starts_on": self._when(13).date().isoformat(), "contract_signed": "indefinite"}
        self._say(OPPORTUNITIES, 13, "candidacy.placed.v1", candidacy["candidacy_id"], candidacy | works)

    # -- people --------------------------------------------------------------------------------------------------------

    def _register(self, known: Known, organisation: str, month: int) -> Registration:
        at = self._when(month)
        registration = self._write_down(known, organisation, at)
        data = {"person_id": registration.person_id, "registered_at": at.isoformat()}
        self._say(
            organisation, month, "person.registered.v1", registration.person_id, data, seal=("hub", registration.block)
        )
        terms = self._terms(organisation)
        consent = terms | {"person_id": registration.person_id, "valid_from": at.isoformat()}
        self._say(organisation, month, "consent.granted.v1", terms["consent_id"], consent)
        return registration

    def _write_down(self, known: Known, organisation: str, at: datetime) -> Registration:
        first = not known.registrations
        block = person_block(known.person) if first else written_down_elsewhere(known.person, self._rng)
        known.registrations.append(Registration(self._id(), organisation, at, block))
        return known.registrations[-1]

    def _known_to(self, known: Known, organisation: str, month: int) -> Registration:
        """The organisation's own registration of somebody, made now if there is none."""
        return self._by_then(known, organisation, month_begins(month)) or self._register(known, organisation, month)

    @staticmethod
    def _by_then(known: Known, organisation: str, at: datetime) -> Registration | None:
        """What the organisation had registered of somebody before that moment."""
        mine = (one for one in known.registrations if one.organisation == organisation and one.at < at)
        return next(mine, None)

    def _terms(self, organisation: str) -> dict[str, Any]:
        return {
            "consent_id": self._id(),
            "purposes": ["register", "serve", "report"],
            "recipients": [organisation],
            "field_groups": ["identity", "documents", "contact", "place", "profile"],
            "given_by": "person",
            "manner": "signed",
            "language": "es",
        }

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _say(
        self,
        organisation: str,
        month: int,
        kind: str,
        subject: str,
        data: dict[str, Any],
        *,
        seal: tuple[str, dict[str, Any]] | None = None,
        after: Number | None = None,
    ) -> None:
        self._steps += 1
        step: Step = {
            "step": f"{self._steps:07}",
            "type": kind,
            "subject": subject,
            "data": data,
            "after": after,
            "expects": None,
            "day": min(month, MONTHS),
            "copies": 2 if self._rng.random() < SENT_TWICE else 1,
        }
        if seal is not None:
            step["seal"] = {"to": seal[0], "clear": seal[1]}
        self._by_month[organisation][step["day"]].append(step)

    @staticmethod
    def _split(people: Sequence[Known], count: int) -> tuple[list[Known], list[Known]]:
        return list(people[:count]), list(people[count:])

    def _when(self, month: int) -> datetime:
        """A moment on a working morning of a month, or of the last one."""
        day = self._rng.randrange(0, 25)
        return month_begins(min(month, MONTHS)) + timedelta(days=day, hours=13, minutes=self._rng.randrange(300))

    @staticmethod
    def _month_of(at: datetime) -> int:
        return (at.year - 2021) * 12 + at.month - 1

    def _id(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


def participation_of(referral_id: str) -> str:
    """Return the id under which the employment service enrols whom a referral brings."""
    return str(uuid5(UUID(referral_id), "participation"))


class _Referred(NamedTuple):
    referral_id: str
    by: str
    month: int


@dataclass(frozen=True)
class _Jornada:
    jornada_id: str
    organiser: str
    month: int
    starts: datetime
    partners: tuple[str, ...]
