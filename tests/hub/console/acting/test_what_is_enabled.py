"""What a page lets somebody do now, the service that decides takes: any acts, by any party, in any order, as time goes.

Whoever sees a button presses it at once, with whatever its form takes. Beside the pages stands the referrals service
itself, whose facts the pages are made of; nothing happens between the page and what comes of it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from random import Random
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import codes
from contracts.codes import Power
from hub.console.web import acting, moves
from hub.console.web.case import path_of
from hub.console.web.fields import shown_moment
from messaging.answers import MissingPrerequisite, Refused
from services.referrals import service as referrals_service
from tests.examples import (
    COORDINATOR,
    NOW,
    RECIPIENT,
    SENDER,
    consent_ended,
    consent_recorded,
    organisation_recorded,
    referral_requested,
    service_published,
)
from tests.examples_reports import an_id
from tests.hub.console.kept import Kept
from tests.hub.console.kit import Answer, Browser, Console, Running
from tests.services.conftest import (  # noqa: F401 - fixtures
    Clock,
    ReferralsUnderTest,
    database_of,
    hub_clock,
    referrals,
    referrals_database,
)

SEEDS = range(12)
ANOTHER_SEED = 1000
STEPS = 20
NOT_DONE = {"redirected"}  # which needs what another organisation offers, and the person's data here
ENDS = ("entered_in_error", "cancel_requested", "declined")
SOON, LATE = 1, 6  # after so many of each other thing comes the end that a world has, and any other
TRIES = 5  # of a form that does not take what was chosen
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LATER = (HOUR, 6 * HOUR, 30 * HOUR, 60 * HOUR, 140 * HOUR)
PARTIES = {SENDER: "partner_staff", RECIPIENT: "partner_staff", COORDINATOR: "coordinator"}


class Form(HTMLParser):
    """The fields of the form on a page, and what each of them lets choose."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.id = ""
        self.fields: dict[str, list[str]] = {}
        """The values that each has; empty: it is typed."""
        self.typed: dict[str, str] = {}
        """What kind of thing is typed."""
        self.required: set[str] = set()
        self._select = ""
        self.feed(page.partition("<main")[2].partition("</main>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name = said.get("name", "")
        if name == acting.FORM_ID:
            self.id = self.id or said["value"]
        elif tag == "option":
            self.fields[self._select] += [said["value"]] if said.get("value") else []
        elif tag in ("select", "textarea", "input") and said.get("type") != "hidden":
            self._select = name if tag == "select" else ""
            values = self.fields.setdefault(name, [])
            if said.get("type") in ("radio", "checkbox"):
                values.append(said["value"])
            elif tag != "select":
                self.typed[name] = said.get("type", tag)
            self.required |= {name} if "required" in said else set()

    def filled(self, chance: Random, now: Any) -> dict[str, str]:
        """Something in each field that has to have something, and in some of the others."""
        found = {}
        for name, values in self.fields.items():
            if name not in self.required and chance.random() < 0.5:
                continue
            match self.typed.get(name):
                case None:
                    if values:
                        found[name] = chance.choice(values)
                case "number":
                    found[name] = str(chance.randint(1, 40))
                case "datetime-local":
                    ahead = -1 if name == "chased_at" else 1
                    found[name] = shown_moment(now + ahead * chance.choice(LATER))
                case _:
                    found[name] = "Una nota."
        return found


@dataclass
class World:
    """The service and the pages, and one referral with all that it goes by."""

    seed: int
    done: Counter[str]
    """How often each act has been done, in all worlds."""
    referrals: ReferralsUnderTest
    kept: Kept
    browsers: dict[str, Browser]
    console: Console
    clock: Clock
    told: int = 0
    consent_is: str = "held"
    chance: Random = field(init=False)
    here: Counter[str] = field(default_factory=Counter)
    """How often each has been tried in this one."""

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311 - no secret
        self.ends_with = ENDS[self.seed % len(ENDS)]
        self.clock.now = NOW
        self.person, self.consent, self.service = (self.id(what) for what in ("person", "consent", "service"))
        self.referrals.hear(organisation_recorded(COORDINATOR, powers=(Power.COORDINATE,)), source="hub")
        self.referrals.hear(service_published(service_id=self.service), source=RECIPIENT)
        self.of_the_hub(consent_recorded(consent_id=self.consent, person_id=self.person))
        self.referral = self.id("referral")
        self.request(self.referral)

    def id(self, what: object) -> UUID:
        """An id that no other world has."""
        return an_id(("enabled", self.seed, what))

    def of_the_hub(self, data: Any) -> None:
        """Something that the hub's services are told, the console too."""
        self.referrals.hear(data, source="hub")
        self.kept.hear(data)
        self.pass_on()

    def request(self, referral_id: UUID) -> None:
        """Have the sender ask the recipient."""
        asked = {"person_id": self.person, "consent_id": self.consent, "service_id": self.service}
        urgency = self.chance.choice([*codes.Urgency])
        self.referrals.hear(referral_requested(referral_id=referral_id, urgency=urgency, **asked), source=SENDER)
        self.pass_on()

    def pass_on(self) -> None:
        """Let the console have what the service has told since."""
        new, self.told = self.referrals.facts[self.told :], len(self.referrals.facts)
        if new:
            self.kept.hear(*new)

    def goes_on(self) -> None:
        """Let time pass, and what happens by itself or elsewhere."""
        self.clock.now += MINUTE if self.chance.random() < 0.7 else self.chance.choice(LATER)
        self.referrals.tick()
        self.pass_on()
        happens = self.chance.random()
        if happens < 0.12 and self.seed % 4 == 1:
            self.consent_goes_on(happens < 0.04)
        elif happens < 0.2:
            with suppress(Refused, MissingPrerequisite):
                self.request(self.id(("another", self.clock.now)))

    def consent_goes_on(self, ends: bool) -> None:
        """Somebody says that the person has taken the consent back; then that is so, or it is not."""
        now = self.clock.now
        match self.consent_is, ends:
            case "held", False:
                self.of_the_hub(contracts.ConsentSuspended(consent_id=self.consent, suspended_at=now))
                self.consent_is = "suspended"
            case "suspended", False:
                self.of_the_hub(contracts.ConsentResumed(consent_id=self.consent, resumed_at=now))
                self.consent_is = "held"
            case "held" | "suspended", True:
                self.of_the_hub(consent_ended(consent_id=self.consent, ended_at=now))
                self.consent_is = "ended"

    def enabled(self, who: str) -> list[str]:
        """What somebody's page lets them do."""
        page = self.browsers[who].get(path_of(self.referral)).text
        ways = [f"{kind}{acting.path_of(self.referral, '')}" for kind in ('action="', 'href="')]
        return sorted({part.partition('"')[0] for way in ways for part in page.split(way)[1:]})

    def chooses(self) -> tuple[str, str] | None:
        """Somebody, and one of what they can do: what was done least here, then anywhere; what ends all comes late.

        None where nobody can do anything any more.
        """

        def how_soon(one: tuple[str, str]) -> tuple[int, int, float]:
            _, name = one
            after = 0 if name not in ENDS else SOON if name == self.ends_with else LATE
            return self.here[name] + after, self.done[name], self.chance.random()

        return min(((who, name) for who in PARTIES for name in self.enabled(who)), key=how_soon, default=None)

    def does(self, who: str, name: str) -> None:
        """Press a button, fill its form until it is taken, and have the service hear what comes of it."""
        browser, path = self.browsers[who], acting.path_of(self.referral, name)
        self.here[name] += 1
        for _ in range(TRIES):
            page = browser.get(path)
            form = Form(page.text)
            answer = browser.send(path, formulario=form.id, **form.filled(self.chance, self.clock.now))
            if answer.status != 422:
                break
        else:
            return
        said = self._said(answer)
        self.referrals.hear(said.data, source=who)
        self.done[name] += 1
        self.pass_on()

    def _said(self, answer: Answer) -> contracts.Message[Any]:
        """What is to be said, taken from where it waits."""
        assert answer.leads_to is not None, answer.text
        id = answer.leads_to.rpartition("/")[2]
        (row,) = self.console.query("delete from act where message_id = %s returning message", id)
        return contracts.parse(row["message"].encode())


@pytest.fixture(scope="module")
def desks(console: Console, running: Running) -> dict[str, Browser]:
    console.host(*PARTIES)
    found = {}
    for who, role in PARTIES.items():
        found[who] = Browser(running)
        console.enrol(found[who], f"enabled.{who}", role, organisation=who)
    return found


@pytest.fixture(scope="module")
def facts(console: Console) -> Iterator[Kept]:
    kept = Kept(console.url)
    yield kept
    kept.close()


@pytest.fixture(autouse=True)
def knows_keys(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service know the keys to which pages seal."""
    monkeypatch.setenv("RUTA_DIRECTORY_FILE", str(console.directory))
    referrals_service._public_keys.cache_clear()


@pytest.fixture
def begun(
    console: Console,
    desks: dict[str, Browser],
    facts: Kept,
    referrals: ReferralsUnderTest,  # noqa: F811
    hub_clock: Clock,  # noqa: F811
) -> Callable[..., World]:
    """Begin a world."""

    def begin(seed: int, done: Counter[str]) -> World:
        return World(seed, done, referrals, facts, desks, console, hub_clock)

    return begin


def play(world: World) -> None:
    """Have somebody do something that they may, again and again."""
    for _ in range(STEPS):
        chosen = world.chooses()
        if chosen is None:
            return
        who, name = chosen
        try:
            world.does(who, name)
        except (Refused, MissingPrerequisite) as refused:
            raise AssertionError(f"{who} could do {name!r}, and was told {refused!r}") from refused
        world.goes_on()


def test_what_is_enabled_is_taken(begun: Callable[..., World]) -> None:
    done: Counter[str] = Counter()
    for seed in SEEDS:
        play(begun(seed, done))
    assert {one.name for one in moves.MOVES} - {*done} == NOT_DONE


def test_without_what_stands_against_an_act_a_refusal_is_found(
    begun: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = begun(ANOTHER_SEED, Counter())
    world.consent_goes_on(ends=False)
    assert "note_added" not in world.enabled(SENDER)
    monkeypatch.setattr(moves, "obstacle", lambda move, standing: "")
    assert "note_added" in world.enabled(SENDER)
    with pytest.raises(Refused, match="consent_suspended"):
        world.does(SENDER, "note_added")
