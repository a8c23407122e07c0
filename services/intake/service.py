"""The intake service: one method for each message it handles."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import logging
import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import contracts
from contracts import Draft, Message, sealing
from messaging import clock, topology
from messaging.database import Transaction
from messaging.log import fields
from messaging.on import batches, every, on
from services.intake import messages, rules, store
from services.intake.rules.links import Circle, Pair

log = logging.getLogger("ruta.intake")

NETWORK = topology.read(Path(os.environ.get("RUTA_NETWORK_FILE", topology.NETWORK_FILE)))
COORDINATORS = frozenset(one.id for one in NETWORK.organisations.values() if one.coordinator)


@cache
def hub_key() -> sealing.Key:
    """The private key that registrations are sealed to; raises SealingError when the file holds none."""
    return sealing.load_key(Path(os.environ["HUB_PRIVATE_KEY_FILE"]))


class IntakeService:
    """Owns the people the network serves, what they consent to and what they need."""

    name = "intake"
    receive = batches("intake", refused=rules.Refused, early=rules.TooEarly)

    @on(contracts.PersonRegistered)
    def register_person(self, tx: Transaction, message: Message[contracts.PersonRegistered]) -> list[Draft]:
        """An organisation has registered a person, or corrects what it registered before."""
        person = messages.people.person(message, hub_key())
        store.people.save_person(tx, person, message, at=clock.now())
        store.matching.compare_later(tx, person.person_id, at=clock.now())
        warn_of_unknown_place(tx, person.place, message)
        return []

    @on(contracts.ConsentGranted)
    def record_consent(self, tx: Transaction, message: Message[contracts.ConsentGranted]) -> list[Draft]:
        """A person, or a child's caregiver, allows an organisation to pass on their data."""
        now = clock.now()
        consent = messages.consents.consent(message)
        rules.consents.check_consent_giver(
            store.people.find_age(tx, consent.person_id), given_by=consent.given_by, on=now.date()
        )
        store.consents.insert_consent(tx, consent, message, at=now)
        return [messages.consents.consent_recorded(message.data, granted_to=message.source)]

    @on(contracts.ConsentWithdrawn)
    def end_consent(self, tx: Transaction, message: Message[contracts.ConsentWithdrawn]) -> list[Draft]:
        """The person takes a consent back, through whichever organisation they went to."""
        said, now = message.data, clock.now()
        rules.consents.check_withdrawal(store.consents.lock_end_of_consent(tx, said.consent_id))
        store.consents.end_consent(tx, messages.consents.withdrawal(said), message, at=now)
        return [messages.consents.consent_ended(said.consent_id, at=now)]

    @on(contracts.NeedIdentified)
    def record_need(self, tx: Transaction, message: Message[contracts.NeedIdentified]) -> list[Draft]:
        """An organisation has found out what a person lacks."""
        need = messages.needs.need(message)
        store.people.find_age(tx, need.person_id)
        store.needs.insert_need(tx, need, message, at=clock.now())
        warn_of_unknown_place(tx, need.zone, message)
        return []

    # -- one person in several registrations ---------------------------------------------------------------------------

    @every(timedelta(seconds=0.25))
    def propose_matches(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Compare those who were registered or corrected with everybody who may be the same, many at a time."""
        traits = {one.person_id: rules.matching.read_traits(one) for one in store.matching.take_waiting(tx)}
        store.matching.save_keys(tx, {one: rules.match_keys.match_keys(traits[one]) for one in traits})
        pairs = store.matching.find_candidates(tx, traits)
        others = store.matching.load_registrations(tx, {one for pair in pairs for one in pair} - traits.keys())
        traits |= {one.person_id: rules.matching.read_traits(one) for one in others}
        proposals = store.matching.save_proposals(tx, rules.matching.propose(pairs, traits), at=now)
        return [messages.matching.proposed(one, to=organisation) for one in proposals for organisation in COORDINATORS]

    @on(contracts.MatchLinked)
    def link_people(self, tx: Transaction, message: Message[contracts.MatchLinked]) -> list[Draft]:
        """A coordinator has found two registrations to be of one person."""
        pair = rules.links.named_pair(message.data.match_id, message.data.person_ids)
        before = store.links.lock_circle(tx, pair)
        return self._decide(tx, message, pair, before, rules.links.link(before, pair))

    @on(contracts.MatchRejected)
    def tell_people_apart(self, tx: Transaction, message: Message[contracts.MatchRejected]) -> list[Draft]:
        """A coordinator has found two registrations not to be of one person."""
        pair = rules.links.named_pair(message.data.match_id, message.data.person_ids)
        before = store.links.lock_circle(tx, pair)
        return self._decide(tx, message, pair, before, rules.links.reject(before, pair))

    @on(contracts.MatchUndone)
    def undo_decision(self, tx: Transaction, message: Message[contracts.MatchUndone]) -> list[Draft]:
        """A coordinator takes back a link, or a "not the same"."""
        pair = store.links.find_pair(tx, message.data.match_id)
        before = store.links.lock_circle(tx, pair)
        return self._decide(tx, message, pair, before, rules.links.undo(before, pair))

    def _decide(self, tx: Transaction, message: Message[Any], pair: Pair, before: Circle, after: Circle) -> list[Draft]:
        """Keep a decision, and tell the hub's services of the network persons that it has made."""
        persons = rules.links.newly_together(before, after)
        store.links.save_decision(tx, pair, after, persons, message, at=clock.now())
        return [messages.matching.identified(person) for person in persons]


def warn_of_unknown_place(tx: Transaction, place: str | None, message: Message[Any]) -> None:
    """Say so in the log when a municipality is not in our edition of the list: it may be newer than that."""
    if place is not None and not store.people.knows_place(tx, place):
        log.warning("a municipality is not in the list", extra=fields(message=message.id, contract=message.type))
