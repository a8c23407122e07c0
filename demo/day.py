"""A day at the centre: who is served, who refers whom to whom, and what each organisation will therefore send.

Seeded: the same seed and the same beginning give the same plans to the last id. A plan holds names in clear, because an
organisation's staff know names; it goes to the organisation's process through a pipe and is never written down.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from demo import words
from demo.mistakes import Maker, Mistake
from demo.people import Person, make_people
from demo.plan import Number, Step
from demo.stories import GOES_ON, STORIES, Move, Story

ORGANISATIONS = ("redcross", "iom", "americares", "fuvadis", "barranquilla")
COORDINATOR = "barranquilla"
SPEAKS_VERSION_1 = "fuvadis"  # its system was never updated to version 2 of referral.requested
WEIGHTS = {"redcross": 25, "iom": 25, "americares": 20, "fuvadis": 10, "barranquilla": 20}

OFFERS = (
    ("redcross", "Atención en salud", ("health.consultation", "health.psychosocial")),
    ("redcross", "Kits de higiene y agua", ("wash.hygiene_kit", "wash.water")),
    ("redcross", "Albergue temporal", ("shelter.temporary",)),
    ("iom", "Documentación y regularización", ("protection.documentation", "protection.regularisation")),
    ("iom", "Transporte humanitario", ("humanitarian_transportation.intercity",)),
    ("iom", "Apoyo para arriendo", ("shelter.rent", "shelter.temporary")),
    ("americares", "Medicinas y control prenatal", ("health.medicines", "health.maternal", "health.consultation")),
    ("americares", "Atención clínica reservada", ("gbv.clinical_care",)),
    ("fuvadis", "Acompañamiento comunitario", ("integration.coexistence", "food_security.food_basket")),
    ("fuvadis", "Gestión de casos reservada", ("gbv.case_management",)),
    ("barranquilla", "Cupos escolares", ("education.school_place",)),
    ("barranquilla", "Centro de Oportunidades", ("integration.employment", "integration.entrepreneurship")),
    ("barranquilla", "Consultorio jurídico", ("protection.legal_advice", "protection.documentation")),
)

CONFIDENTIAL_SHARE = 0.03
SENT_TWICE_SHARE = 0.04
OUT_OF_ORDER_SHARE = 0.05
REGISTERED_AHEAD = 25  # how many people are registered before the first of them is referred

BY_THE_CLOCK = frozenset({"expired", "closed"})  # what the hub does by itself once time has passed

# The network waits for the receipt when one of these answers overtakes it.
MAY_OVERTAKE = frozenset({"accepted", "declined", "waitlisted", "info_requested"})


@dataclass(frozen=True)
class Offer:
    """A service in an organisation's directory."""

    service_id: str
    organisation: str
    name: str
    need_codes: tuple[str, ...]
    active: bool = True

    @property
    def confidential(self) -> bool:
        return self.need_codes[0].startswith("gbv.")


@dataclass(frozen=True)
class Told:
    """A referral of the day and the story it will follow."""

    referral_id: str
    sender: str
    recipient: str
    story: Story

    @property
    def last_number(self) -> int:
        """The number of the last message that both parties get."""
        return 1 + len(self.story.moves)

    @property
    def first_rest(self) -> int:
        """The number after which nothing happens until time has passed; the last one where nothing waits for that."""
        by_time = (move.late or (move.actor == "hub" and move.verb in BY_THE_CLOCK) for move in self.story.moves)
        return 1 + next((place for place, waits in enumerate(by_time) if waits), len(self.story.moves))


@dataclass
class Day:
    """Everything that is to happen, by organisation, and the stories it tells."""

    people: list[Person]
    steps: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    told: list[Told] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def messages(self) -> int:
        return sum(len(steps) for steps in self.steps.values())


def make_day(
    people: int,
    referrals: int,
    *,
    seed: int,
    starts_at: datetime,
    stories: Sequence[Story] = STORIES,
    mistakes: bool = True,
    out_of_order: bool = True,
) -> Day:
    """Plan a day for so many people and at least so many referrals, one for each story; `starts_at` is aware.

    `out_of_order`: whether some of what is sent overtakes what it rests on.
    """
    writer = _Writer(people, seed, starts_at, OUT_OF_ORDER_SHARE if out_of_order else 0.0)
    writer.write(referrals, stories)
    if mistakes:
        writer.make_mistakes()
    return writer.day


@dataclass(frozen=True)
class _Case:
    """A referral while its messages are being written."""

    told: Told
    offer: Offer
    person: Person
    whose: dict[str, str]
    need_code: str
    consent_id: str

    @property
    def confidential(self) -> bool:
        return "case_code" in self.whose

    @property
    def shares(self) -> tuple[str, ...]:
        return words.SHARED_CONFIDENTIALLY if self.confidential else words.SHARED

    @property
    def block(self) -> dict[str, Any]:
        return words.least_block(self.person) if self.confidential else words.person_block(self.person)


class _Writer:
    """Writes the plans; its only state is the chance it draws from and what it has written."""

    def __init__(self, people: int, seed: int, starts_at: datetime, out_of_order_share: float) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - a day is invented, not secret
        self._seed = seed
        self._starts_at = starts_at
        self._out_of_order_share = out_of_order_share
        self.day = Day(make_people(people, seed))
        self._steps = 0
        self._taken: set[tuple[str, str]] = set()
        self._registrations: dict[str, Step] = {}  # by person, until it has its place in the day
        self._offers = [Offer(self._id(), *offer) for offer in OFFERS]

    def write(self, referrals: int, stories: Sequence[Story]) -> None:
        """Write every organisation's plan."""
        for offer in self._offers:
            self.day.steps[offer.organisation].append(self._publication(offer))
        self._residents = self._register_people()
        openings: dict[str, list[tuple[list[Step], Step]]] = defaultdict(list)
        for story in self._choose_stories(referrals, stories):
            case = self._make_case(story)
            openings[case.told.sender].append((self._before_request(case), self._request(case)))
            self._write_moves(case)
        for organisation in ORGANISATIONS:
            self._put_in_order(organisation, openings[organisation])

    def _register_people(self) -> dict[str, list[tuple[str, Person]]]:
        """Which organisation has registered whom, under which id."""
        residents: dict[str, list[tuple[str, Person]]] = defaultdict(list)
        for person in self.day.people:
            organisation, person_id = self._draw_organisation(), self._id()
            residents[organisation].append((person_id, person))
            data = {"person_id": person_id, "registered_at": self._now}
            step = self._step("person.registered.v1", person_id, data, seal=("hub", words.person_block(person)))
            self._registrations[person_id] = step
        return residents

    def _choose_stories(self, count: int, stories: Sequence[Story]) -> list[Story]:
        shares = [story.share for story in stories]
        chosen = [*stories, *self._rng.choices(stories, shares, k=max(0, count - len(stories)))]
        self._rng.shuffle(chosen)
        return chosen

    def _make_case(self, story: Story) -> _Case:
        sender = self._draw_organisation()
        by_coordinator = any(move.actor == "coordinator" for move in story.moves)
        only_of = COORDINATOR if by_coordinator and sender != COORDINATOR else None
        person_id, person, offer = self._draw_person_and_offer(sender, only_of)
        told = Told(self._id(), sender, offer.organisation, story)
        code = f"{sender[:3].upper()}-{len(self._taken):06}"
        whose = {"case_code": code} if offer.confidential else {"person_id": person_id}
        return _Case(told, offer, person, whose, self._rng.choice(offer.need_codes), self._id())

    def _draw_person_and_offer(self, sender: str, only_of: str | None) -> tuple[str, Person, Offer]:
        """One of its people, and a service for them; another where that one has been referred everywhere today."""
        for person_id, person in (self._rng.choice(self._residents[sender]), *self._residents[sender]):
            if (offer := self._draw_offer(person_id, not_of=(sender,), only_of=only_of)) is not None:
                return person_id, person, offer
        raise ValueError(f"{sender} has too few people for so many referrals")

    def _draw_offer(self, person_id: str, *, not_of: Iterable[str], only_of: str | None = None) -> Offer | None:
        """A service that this person has not been referred to today, so that no two referrals are one; None: none."""
        confidential = only_of is None and self._rng.random() < CONFIDENTIAL_SHARE
        choices = [
            offer
            for offer in self._offers
            if offer.organisation not in not_of
            and only_of in (None, offer.organisation)
            and (person_id, offer.service_id) not in self._taken
        ]
        if not choices:
            return None
        wanted = [offer for offer in choices if offer.confidential == confidential] or choices
        offer = self._rng.choices(wanted, [WEIGHTS[offer.organisation] for offer in wanted])[0]
        self._taken.add((person_id, offer.service_id))
        return offer

    # What is said before and with a referral

    def _publication(self, offer: Offer) -> Step:
        data = {
            "service_id": offer.service_id,
            "name": offer.name,
            "need_codes": list(offer.need_codes),
            "active": offer.active,
            "zone": "08001",
        }
        return self._step("service.published.v1", offer.service_id, data)

    def _before_request(self, case: _Case) -> list[Step]:
        steps = [self._consent(case)]
        if "person_id" in case.whose:
            if case.whose["person_id"] in self._registrations:
                steps.insert(0, self._registrations.pop(case.whose["person_id"]))
            need_id = self._id()
            data = {
                "need_id": need_id,
                **case.whose,
                "need_code": case.need_code,
                "urgency": "normal",
                "identified_at": self._now,
                "zone": case.person.place,
            }
            steps.append(self._step("need.identified.v1", need_id, data))
        return steps

    def _consent(self, case: _Case, after: Number | None = None) -> Step:
        data = words.consent(case.consent_id, case.whose, case.told.recipient, case.shares, self._starts_at)
        return self._step("consent.granted.v1", case.consent_id, data, after=after)

    def _request(self, case: _Case) -> Step:
        told = case.told
        urgency = "normal"
        if not any(move.late for move in told.story.moves):
            urgency = self._rng.choices(("normal", "urgent", "emergency"), (7, 2, 1))[0]
        data = {
            "referral_id": told.referral_id,
            "recipient": told.recipient,
            "service_id": case.offer.service_id,
            "urgency": urgency,
            **case.whose,
            "need_code": case.need_code,
            "reason_code": "service_not_offered",
            "shares": list(case.shares),
            "consent_id": case.consent_id,
        }
        version = 1 if told.sender == SPEAKS_VERSION_1 else 2
        how = {"contact": {"channel": "phone", "language": "es"}}
        how_before: dict[str, Any] = {"language": "es", "phone_ok": True}
        return self._step(
            f"referral.requested.v{version}",
            told.referral_id,
            data | (how_before if version == 1 else how),
            expects=(told.referral_id, told.first_rest),
            seal=(told.recipient, case.block),
        )

    # What follows

    def _write_moves(self, case: _Case, *, first: int = 2) -> None:
        """Every party's moves, each as the answer to the number before it."""
        self.day.told.append(case.told)
        steps: list[tuple[str, Step]] = []
        for number, move in enumerate(case.told.story.moves, first):
            steps.extend(self._move(case, move, number))
        verbs = [move.verb for move in case.told.story.moves[:2]]
        if (
            verbs
            and verbs[0] == "received"
            and verbs[-1] in MAY_OVERTAKE
            and self._rng.random() < self._out_of_order_share
        ):
            steps[1][1]["after"] = steps[0][1]["after"]
            steps[0], steps[1] = steps[1], steps[0]
        for organisation, step in steps:
            self.day.steps[organisation].append(step)

    def _move(self, case: _Case, move: Move, number: int) -> list[tuple[str, Step]]:
        told, after = case.told, (case.told.referral_id, number - 1)
        who = {"sender": told.sender, "recipient": told.recipient, "coordinator": COORDINATOR}.get(move.actor)
        if move.actor == "person":
            return self._withdraw_consent(case, after)
        if who is None:
            return []  # the hub moves by itself
        if move.verb == "redirected":
            return self._redirect(case, number)
        data = words.move_data(move.verb, told.referral_id, number, self._rng, self._starts_at)
        seal = None
        if move.verb in words.NOTES:
            to, text = words.NOTES[move.verb]
            seal = (told.sender if to == "sender" else told.recipient, words.note_block(case.person, text))
        day = 2 if move.late else 1
        return [(who, self._step(f"referral.{move.verb}.v1", told.referral_id, data, after=after, seal=seal, day=day))]

    def _withdraw_consent(self, case: _Case, after: Number) -> list[tuple[str, Step]]:
        """The sender passes the person's word on; when the hub has told every holder, each sends its purge receipt."""
        told = case.told
        data = {"consent_id": case.consent_id, "withdrawn_by": "person", "manner": "signed", "withdrawn_at": self._now}
        steps = [(told.sender, self._step("consent.withdrawn.v1", case.consent_id, data, after=after))]
        for holder in (told.sender, told.recipient):
            data = words.move_data("purged", told.referral_id, 0, self._rng, self._starts_at)
            ended = (after[0], after[1] + 1)
            steps.append((holder, self._step("referral.purged.v1", told.referral_id, data, after=ended)))
        return steps

    def _redirect(self, case: _Case, number: int) -> list[tuple[str, Step]]:
        """The recipient asks for consent anew and passes the person on; the new referral has a story of its own."""
        told = case.told
        offer = self._draw_offer(case.whose.get("person_id", told.referral_id), not_of=(told.sender, told.recipient))
        if offer is None:
            raise ValueError(f"{told.recipient} knows nobody to redirect to")
        goes_on = Told(self._id(), told.sender, offer.organisation, GOES_ON)
        new = _Case(goes_on, offer, case.person, case.whose, case.need_code, self._id())
        data = {
            "referral_id": told.referral_id,
            "new_referral_id": goes_on.referral_id,
            "recipient": offer.organisation,
            "service_id": offer.service_id,
            "consent_id": new.consent_id,
        }
        self._write_moves(new)
        after, seal = (told.referral_id, number - 1), (offer.organisation, new.block)
        return [
            (told.recipient, self._consent(new, after=(told.referral_id, 1))),
            (told.recipient, self._step("referral.redirected.v1", told.referral_id, data, after=after, seal=seal)),
        ]

    # The order of the day

    def _put_in_order(self, organisation: str, openings: list[tuple[list[Step], Step]]) -> None:
        """First whoever only registers; then people and consents, and referrals some way behind.

        A few referrals overtake what they rest on.
        """
        steps = self.day.steps[organisation]
        only_registered = [
            person_id for person_id, _ in self._residents[organisation] if person_id in self._registrations
        ]
        steps.extend(self._registrations[person_id] for person_id in only_registered)
        ahead = [self._rng.random() < self._out_of_order_share for _ in openings]
        for place in range(len(openings) + REGISTERED_AHEAD):
            if place < len(openings):
                before, request = openings[place]
                steps.extend([request, *before] if ahead[place] else before)
            behind = place - REGISTERED_AHEAD
            if behind >= 0 and not ahead[behind]:
                steps.append(openings[behind][1])

    def make_mistakes(self) -> None:
        """Put what no system should send, and some send, in between."""
        people = {organisation: known[0][0] for organisation, known in self._residents.items()}
        services = {offer.organisation: offer.service_id for offer in self._offers if not offer.confidential}
        maker = Maker(ORGANISATIONS, services, people, self._id, self._step, self._starts_at)
        made: list[Mistake] = []
        for place, organisation in enumerate(ORGANISATIONS):
            other, third = ORGANISATIONS[place - 1], ORGANISATIONS[place - 2]
            made += [*maker.unreadable(organisation, other), *maker.id_used_again(organisation)]
            made += maker.without_consent(organisation, other, third)
            if organisation != COORDINATOR:
                made.append(maker.beyond_its_rights(organisation, self.day.told[0]))
        made.append(maker.too_large(self._draw_organisation()))
        for told in [told for told in self.day.told if told.story.ends == "declined"][:3]:
            made += maker.against_the_rules(told)
        for organisation in ORGANISATIONS:
            steps, own = self.day.steps[organisation], [one.step for one in made if one.organisation == organisation]
            places = sorted(self._rng.sample(range(len(steps) // 2, len(steps)), len(own)), reverse=True)
            for place, step in zip(places, reversed(own), strict=True):  # from the back, so that they keep their order
                steps.insert(place, step)
        self.day.mistakes = made

    # Parts

    def _step(
        self,
        kind: str,
        subject: str,
        data: dict[str, Any],
        *,
        after: Number | None = None,
        expects: Number | None = None,
        seal: tuple[str, dict[str, Any]] | None = None,
        day: int = 1,
    ) -> Step:
        self._steps += 1
        step: Step = {
            "step": f"{self._seed}-{self._steps:06}",
            "type": kind,
            "subject": subject,
            "data": data,
            "after": after,
            "expects": expects,
            "day": day,
            "copies": 2 if self._rng.random() < SENT_TWICE_SHARE else 1,
        }
        if seal is not None:
            step["seal"] = {"to": seal[0], "clear": seal[1]}
        return step

    @property
    def _now(self) -> str:
        return self._starts_at.isoformat()

    def _draw_organisation(self) -> str:
        return self._rng.choices(ORGANISATIONS, [WEIGHTS[name] for name in ORGANISATIONS])[0]

    def _id(self) -> str:
        """A UUIDv7 of the day's beginning, drawn from the seed."""
        milliseconds = int(self._starts_at.timestamp() * 1000)
        chance = self._rng.getrandbits(12) << 64 | self._rng.getrandbits(62)
        return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | chance))
