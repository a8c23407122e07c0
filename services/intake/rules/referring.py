"""Needs that an organisation refers: which may go, and what of the person goes with them; time is an argument."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from services.intake.rules.consents import Consent, check_relied_on
from services.intake.rules.days import day_of
from services.intake.rules.needs import Need, check_whose
from services.intake.rules.people import Person, is_minor

PURPOSE: Final = "refer"  # what a consent has to allow for a referral

# What of a registration a consent for each group of fields covers. A caregiver is how a child is reached, and of the
# household. Notes are in none: nobody can tell what they say, so they are passed on by nobody but who wrote them.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "identity": ("given_names", "family_names", "birth_date", "age", "sex", "gender"),
    "documents": ("documents",),
    "contact": ("phone", "email", "language", "contact_channel", "caregiver"),
    "place": ("address", "place"),
    "profile": ("profile", "nationality"),
    "household": ("caregiver",),
}

# Which group covers the need itself, beside `needs`, which covers every one: by its sector, or by the need where a
# sector has several. What is not listed is covered by `needs` alone.
COVERED_BY: Final[Mapping[str, str]] = {
    "health": "health",
    "nutrition": "health",
    "protection": "protection",
    "child_protection": "protection",
    "gbv": "protection",
    "trafficking_and_smuggling": "protection",
    "education": "education",
    "integration.employment": "employment",
    "integration.entrepreneurship": "employment",
    "integration.employer_access": "employment",
}

# What has to be shared for a person to be reached by each channel; without it they are reached through the sender.
REACHED_BY: Final[Mapping[str, str]] = {
    "phone": "phone",
    "sms": "phone",
    "whatsapp": "phone",
    "email": "email",
    "home_visit": "address",
    "through_caregiver": "caregiver",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One need that an organisation wants to have referred: to whom, for which service, under which consent."""

    referral_id: UUID
    need_id: UUID
    recipient: str
    service_id: UUID
    consent_id: UUID
    reason_code: str


@dataclass(frozen=True, slots=True)
class Known:
    """What intake holds of that which several needs are referred with, each by its id."""

    needs: Mapping[UUID, Need]
    consents: Mapping[UUID, Consent]
    people: Mapping[UUID, Person]
    referred: Set[UUID]  # the referrals that have gone before
    recipients: Set[str]  # the organisations that something can be sealed to


@dataclass(frozen=True, slots=True, repr=False)
class Referral:
    """A need that goes to another organisation, with what the consent lets it know of the person."""

    asked: Asked
    need: Need
    person: Person  # of which only `fields` go
    fields: Set[str]
    groups: Set[str]  # the groups that these fields belong to
    channel: str
    language: str
    minor: bool

    def __repr__(self) -> str:
        return f"<Referral {self.asked.referral_id}>"


def check_arrived(asked: Sequence[Asked], known: Known) -> None:
    """Let needs that are referred wait while intake has heard of none of them: they have overtaken what they are of."""
    if not any(one.need_id in known.needs for one in asked):
        raise MissingPrerequisite("need", str(asked[0].need_id))


def refer(asked: Asked, known: Known, *, by: str, coordinators: Set[str], at: datetime) -> Referral:
    """Decide one of several needs; raise Refused with why it cannot be referred."""
    if asked.referral_id in known.referred:
        raise Refused("already_referred")
    if asked.recipient == by:
        raise Refused("recipient_is_sender")
    if asked.recipient not in known.recipients:
        raise Refused("recipient_unknown")
    need, consent = known.needs.get(asked.need_id), known.consents.get(asked.consent_id)
    if need is None:
        raise Refused("need_unknown")
    check_whose(need, by=by, coordinators=coordinators)
    if need.person_id is None:
        raise Refused("confidential_case")  # whose details its organisation alone holds, and seals itself
    person = known.people[need.person_id]
    if person.registered_by != by and by not in coordinators:
        raise Refused("registered_by_another")  # a word of consent does not bring anybody what others have registered
    if consent is None:
        raise Refused("consent_unknown")
    check_consent(consent, need, by=by, recipient=asked.recipient, at=at)
    return _with_what_is_shared(asked, need, person, consent, at=at)


def decide(
    asked: Sequence[Asked], known: Known, *, by: str, coordinators: Set[str], at: datetime
) -> tuple[list[Referral], list[tuple[Asked, str]]]:
    """Decide each of several needs for itself; return those that go, and the code of why for each of the others."""
    going: dict[UUID, Referral] = {}
    others: list[tuple[Asked, str]] = []
    for one in asked:
        try:
            if one.referral_id in going:
                raise Refused("already_referred")
            going[one.referral_id] = refer(one, known, by=by, coordinators=coordinators, at=at)
        except Refused as refusal:
            others.append((one, refusal.code))
    return list(going.values()), others


def check_consent(consent: Consent, need: Need, *, by: str, recipient: str, at: datetime) -> None:
    """Let `by` pass a person's data on only as that person has said: to whom, for what, and how long.

    Referrals asks the same before it sends (services/referrals/rules/sending.py), in this order, so that a consent is
    refused under the same code by both. Not the same function: services share no rules, only intake knows why a consent
    has ended, and what is shared is chosen here by the consent itself, so that there is nothing to hold against it.
    """
    check_relied_on(consent, need.person_id, by=by, at=at)
    if PURPOSE not in consent.purposes:
        raise Refused("consent_not_for_purpose")
    if recipient not in consent.recipients:
        raise Refused("consent_not_for_recipient")


def _with_what_is_shared(asked: Asked, need: Need, person: Person, consent: Consent, *, at: datetime) -> Referral:
    held = {name for name in person.__slots__ if getattr(person, name) not in (None, ())}
    shared = {group: held.intersection(FIELDS.get(group, ())) for group in consent.field_groups}
    fields = frozenset().union(*shared.values())
    groups = frozenset(group for group, names in shared.items() if names) | groups_of_need(need.need_code, consent)
    if not groups:
        raise Refused("nothing_to_share")
    minor = is_minor(person.registration, on=day_of(at))
    if minor and "caregiver" not in fields:
        raise Refused("caregiver_not_shared")  # nobody refers a child without saying who answers for it
    return Referral(
        asked,
        need,
        person,
        fields,
        groups,
        channel=_channel(person, fields, minor=minor),
        language=person.language or consent.language,
        minor=minor,
    )


def groups_of_need(need_code: str, consent: Consent) -> Set[str]:
    """Return the groups of a consent under which the need itself is shared: what the person lacks is a datum, too."""
    sector = need_code.partition(".")[0]
    covering = {"needs", COVERED_BY.get(need_code) or COVERED_BY.get(sector)}
    return frozenset(group for group in consent.field_groups if group in covering)


def _channel(person: Person, fields: Set[str], *, minor: bool) -> str:
    """How to reach the person: as they said; else a child through its caregiver, and an adult by telephone."""
    wanted = person.contact_channel or ("through_caregiver" if minor else "phone")
    return wanted if REACHED_BY.get(wanted) in fields else "through_sender"
