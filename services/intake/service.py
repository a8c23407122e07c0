"""The intake service: one method for each message it handles."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import logging
import os
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft, Message, sealing
from contracts.codes import Power
from messaging import clock, erasure, organisations, saying
from messaging.log import fields
from messaging.on import batches, every, on
from messaging.public_keys import sealed_to
from messaging.transaction import Transaction
from services.intake import messages, rules, store
from services.intake.rules.consents import Consent
from services.intake.rules.links import Circle, Pair
from services.intake.rules.people import Registration
from services.intake.rules.rights import Request
from services.intake.rules.route import Route

log = logging.getLogger("ruta.intake")

NOBODY = str(UUID(int=0))  # every id stands behind it


@cache
def hub_key() -> sealing.Key:
    """The private key that registrations are sealed to; raises SealingError when the file holds none."""
    return sealing.load_key(Path(os.environ["HUB_PRIVATE_KEY_FILE"]))


@cache
def receipt_secret() -> bytes:
    """What the codes of receipts are derived from: nobody else has the hub's private key."""
    return str(hub_key()["d"]).encode()


def public_keys() -> Mapping[str, sealing.Key]:
    """Every organisation's public key; read anew once it has changed, so that nothing is restarted when one joins."""
    return sealed_to(Path(os.environ["RUTA_DIRECTORY_FILE"]))


class IntakeService:
    """Owns the people the network serves, what they consent to and what they need."""

    name = "intake"
    receive = batches("intake")

    @on(contracts.OrganisationRecorded)
    def record_organisation(self, tx: Transaction, message: Message[contracts.OrganisationRecorded]) -> list[Draft]:
        """An organisation takes part, no longer does, or may do something else."""
        organisations.record(tx, message.data)
        return []

    @on(contracts.PersonRegistered)
    def register_person(self, tx: Transaction, message: Message[contracts.PersonRegistered]) -> list[Draft]:
        """An organisation has registered a person, or corrects what it registered before."""
        person = messages.people.person(message, hub_key())
        rules.people.check_registration(store.people.find_registration(tx, person.person_id), person)
        warn_of_unknown_place(tx, person.place, message)
        store.people.save_person(tx, person, message, at=clock.now())
        store.matching.compare_later(tx, person.person_id, at=clock.now())
        return [messages.people.person_profiled(person)]

    @on(contracts.HouseholdRecorded)
    def record_household(self, tx: Transaction, message: Message[contracts.HouseholdRecorded]) -> list[Draft]:
        """An organisation has registered who lives together, or corrects what it registered before."""
        household = messages.households.household(message)
        rules.households.check_household(store.households.find_known(tx, household.household_id), household)
        people, now = [person_id for person_id, _ in household.members], clock.now()
        members = store.households.find_members(tx, people, by=message.source)
        rules.households.check_members(household, members, coordinators=tx.who_may(Power.COORDINATE), at=now)
        store.households.save_household(tx, household, message, at=now)
        return []

    @on(contracts.EtpvStepTaken)
    def record_step(self, tx: Transaction, message: Message[contracts.EtpvStepTaken]) -> list[Draft]:
        """A person has taken a step of their registration for the Statute; it may become known long afterwards."""
        step, now = messages.etpv.step_taken(message), clock.now()
        person = known_person(tx, step.person_id)
        rules.etpv.check_new(store.etpv.find_step(tx, step.step_id))
        told, registered_by = store.etpv.find_taken(tx, step.person_id), person.registered_by if person else None
        taken = rules.etpv.binding(
            told, on=step.organisation, registered_by=registered_by, coordinators=tx.who_may(Power.COORDINATE)
        )
        rules.etpv.check_step(step, taken=taken)
        store.etpv.insert_step(tx, step, message, at=now)
        return [messages.etpv.step_recorded(step)]

    @on(contracts.EtpvStepStruckOut)
    def strike_out_step(self, tx: Transaction, message: Message[contracts.EtpvStepStruckOut]) -> list[Draft]:
        """An organisation takes back a step that it should not have recorded."""
        said, now = message.data, clock.now()
        known = store.etpv.find_step(tx, said.step_id)
        step = rules.etpv.strike_out(known, said.step_id, by=message.source, at=now)
        known_person(tx, step.person_id)
        store.etpv.strike_out(tx, step, reason=said.reason)
        return [messages.etpv.step_unrecorded(step)]

    # -- consents ------------------------------------------------------------------------------------------------------

    @on(contracts.ConsentGranted)
    def record_consent(self, tx: Transaction, message: Message[contracts.ConsentGranted]) -> list[Draft]:
        """A person, or a child's caregiver, allows an organisation to pass on their data."""
        now = clock.now()
        consent = messages.consents.consent(message)
        person = known_person(tx, consent.person_id)
        rules.consents.check_giver(person, given_by=consent.given_by, on=rules.days.day_of(now))
        rules.consents.check_new(consent, store.consents.find_consent(tx, consent.consent_id), at=now)
        receipt_code = rules.consents.receipt_code(consent.consent_id, secret=receipt_secret())
        store.consents.insert_consent(tx, consent, message, receipt_code=receipt_code, at=now)
        return [
            messages.consents.consent_recorded(consent),
            messages.consents.receipt_issued(consent, receipt_code=receipt_code, at=now),
        ]

    @on(contracts.ConsentReceiptAsked)
    def issue_receipt_again(self, tx: Transaction, message: Message[contracts.ConsentReceiptAsked]) -> list[Draft]:
        """Whom a consent was granted to needs its receipt once more."""
        known = store.consents.find_consent(tx, message.data.consent_id)
        consent = rules.consents.check_asks(known, message.data.consent_id, by=message.source)
        receipt_code = rules.consents.receipt_code(consent.consent_id, secret=receipt_secret())
        at = store.consents.recorded_at(tx, consent)
        return [messages.consents.receipt_issued(consent, receipt_code=receipt_code, at=at)]

    @on(contracts.ConsentWithdrawn)
    def end_consent(self, tx: Transaction, message: Message[contracts.ConsentWithdrawn]) -> list[Draft]:
        """The person takes a consent back; through another than whom it was granted to, that is claimed at first."""
        said, by, now = message.data, message.source, clock.now()
        known = store.consents.find_consent(tx, said.consent_id)
        consent = rules.consents.check_withdrawal(known, said.consent_id)
        withdrawal = messages.consents.withdrawal(consent.consent_id, said)
        if rules.consents.is_claim(consent, by=by):
            consent, answer_by = rules.consents.claim(consent, by=by, today=rules.days.day_of(now))
            ends_on = answer_by + timedelta(days=1)
            store.consents.claim_withdrawal(tx, consent, withdrawal, message, ends_on=ends_on, at=now)
            return messages.consents.withdrawal_claimed(consent, withdrawal, by=by, answer_by=answer_by, at=now)
        store.consents.withdraw_consent(tx, consent, withdrawal, message, at=now)
        return [
            messages.consents.consent_withdrawn(consent, withdrawal, through=message.source, at=now),
            *end_names(tx, [consent], at=now),
        ]

    @on(contracts.ConsentWithdrawnByReceipt)
    def end_consent_by_receipt(
        self, tx: Transaction, message: Message[contracts.ConsentWithdrawnByReceipt]
    ) -> list[Draft]:
        """The person takes a consent back with nothing but the code of its receipt."""
        said, now = message.data, clock.now()
        consent = rules.consents.check_receipt(store.consents.find_by_receipt(tx, said.receipt_code))
        withdrawal = messages.consents.withdrawal(consent.consent_id, said)
        store.consents.withdraw_consent(tx, consent, withdrawal, message, at=now)
        return [
            messages.consents.consent_withdrawn(consent, withdrawal, through=message.source, at=now),
            *end_names(tx, [consent], at=now),
        ]

    @on(contracts.ConsentWithdrawalContested)
    def contest_withdrawal(
        self, tx: Transaction, message: Message[contracts.ConsentWithdrawalContested]
    ) -> list[Draft]:
        """Whom a consent was granted to says that the person has not taken it back."""
        known = store.consents.find_consent(tx, message.data.consent_id)
        consent = rules.consents.contest(known, message.data.consent_id, by=message.source)
        now = clock.now()
        store.consents.contest_withdrawal(tx, consent, at=now)
        return [messages.consents.consent_resumed(consent, at=now)]

    @every(timedelta(seconds=10))
    def end_claimed_consents(self, tx: Transaction, now: datetime) -> list[Draft]:
        """End the consents whose withdrawal was claimed, and not contested within two working days."""
        ended = store.consents.end_claimed(tx, now=now, today=rules.days.day_of(now))
        return [
            messages.consents.consent_withdrawn(consent, withdrawal, through=through, at=now)
            for consent, withdrawal, through in ended
        ] + end_names(tx, [consent for consent, _, _ in ended], at=now)

    @every(timedelta(seconds=10))
    def end_lapsed_consents(self, tx: Transaction, now: datetime) -> list[Draft]:
        """End the consents that were given until a time that has passed."""
        lapsed = store.consents.lapse_consents(tx, now=now)
        return [messages.consents.consent_lapsed(one, at=now) for one in lapsed] + end_names(tx, lapsed, at=now)

    @on(contracts.PersonNamed)
    def bring_name(self, tx: Transaction, message: Message[contracts.PersonNamed]) -> list[Draft]:
        """An organisation tells one that coordinates a person's name, which passes through sealed."""
        said = message.data
        known_person(tx, said.person_id)
        rules.naming.check_naming(
            store.consents.find_consent(tx, said.consent_id),
            said.consent_id,
            said.person_id,
            by=message.source,
            recipient=said.recipient,
            coordinators=tx.who_may(Power.COORDINATE),
            at=clock.now(),
        )
        return [messages.naming.brought(message)]

    @on(contracts.FactsAsked)
    def say_facts_again(self, tx: Transaction, message: Message[contracts.FactsAsked]) -> list[Draft]:
        """A service that only reads asks what was told of consents, of needs, and of the erased."""
        asked = message.data
        if asked.service != self.name:
            return []
        kinds = [
            saying.Kind("erased", partial(erased_again, tx)),
            saying.Kind("consent", partial(consents_again, tx)),
            saying.Kind("need", partial(needs_again, tx)),
        ]
        page = saying.page(asked, kinds, count=partial(store.facts.count, tx))
        return [messages.facts.facts_said(asked, page)]

    # -- needs ---------------------------------------------------------------------------------------------------------

    @on(contracts.NeedIdentified)
    def record_need(self, tx: Transaction, message: Message[contracts.NeedIdentified]) -> list[Draft]:
        """An organisation has found out what a person lacks."""
        need = messages.needs.need(message)
        known_person(tx, need.person_id)
        rules.needs.check_new(store.needs.find_need(tx, need.need_id))
        warn_of_unknown_place(tx, need.zone, message)
        store.needs.insert_need(tx, need, message, at=clock.now())
        return [messages.needs.need_recorded(need)]

    @on(contracts.NeedTriaged)
    def record_triage(self, tx: Transaction, message: Message[contracts.NeedTriaged]) -> list[Draft]:
        """Somebody trained for it says how soon a need has to be met."""
        need_id = message.data.need_id
        need = rules.needs.check_known(store.needs.find_need(tx, need_id), need_id)
        known_person(tx, need.person_id)
        need = rules.needs.triage(need, messages.needs.triage(message), coordinators=tx.who_may(Power.COORDINATE))
        store.needs.save_triage(tx, need, message)
        return [messages.needs.need_recorded(need)]

    @on(contracts.NeedsReferred)
    def refer_needs(self, tx: Transaction, message: Message[contracts.NeedsReferred]) -> list[Draft]:
        """An organisation refers needs: what may go is asked for in its name, of the rest it hears why not."""
        asked, by, keys, now = messages.referring.asked(message), message.source, public_keys(), clock.now()
        known = store.referring.find_known(tx, asked, recipients=keys.keys())
        rules.referring.check_arrived(asked, known)
        going, others = rules.referring.decide(asked, known, by=by, coordinators=tx.who_may(Power.COORDINATE), at=now)
        store.referring.insert_referrals(tx, going, message, at=now)
        batch_id = message.data.batch_id
        return [
            *(messages.referring.referral_requested(one, by=by, keys=keys) for one in going),
            *(messages.referring.need_not_referred(batch_id, one, code=code, to=by) for one, code in others),
        ]

    # -- the integration route -----------------------------------------------------------------------------------------

    @on(contracts.RouteOpened)
    def open_route(self, tx: Transaction, message: Message[contracts.RouteOpened]) -> list[Draft]:
        """An organisation has welcomed a household that it has registered."""
        route, now = messages.route.opening(message), clock.now()
        recorded_by, _ = store.households.find_known(tx, route.household_id) or (None, None)
        rules.route.check_opening(route, recorded_by=recorded_by)
        route = rules.route.recompute(route, store.route.newest_rule(tx), at=now)
        store.route.insert_route(tx, route, message, at=now)
        return messages.route.notices(route)

    @on(contracts.RouteAssessed)
    def record_assessment(self, tx: Transaction, message: Message[contracts.RouteAssessed]) -> list[Draft]:
        """The household has been scored; it may become known long afterwards."""
        route = followed_route(tx, message)
        return self._move(tx, message, "assessed", rules.route.assess(route, messages.route.assessment(message.data)))

    @on(contracts.RoutePlanned)
    def record_plan(self, tx: Transaction, message: Message[contracts.RoutePlanned]) -> list[Draft]:
        """The household has a plan, or another one."""
        route, said = followed_route(tx, message), message.data
        return self._move(tx, message, "planned", rules.route.plan(route, said.tracks, planned_at=said.planned_at))

    @on(contracts.RouteTrackMoved)
    def move_track(self, tx: Transaction, message: Message[contracts.RouteTrackMoved]) -> list[Draft]:
        """The household has come further on a track, or dropped it."""
        route, said = followed_route(tx, message), message.data
        state = rules.route.TrackState(said.state)
        return self._move(tx, message, "track_moved", rules.route.move_track(route, said.track, state))

    @on(contracts.ReferralRecorded)
    def meet_need(self, tx: Transaction, message: Message[contracts.ReferralRecorded]) -> list[Draft]:
        """A referral may have met a need that a household's plan has a track for: nobody has to say so again."""
        said = message.data
        if said.person_id is None:
            return []
        if not rules.route.is_met(said.state, said.outcome):
            return note_referral(tx, message)
        concerned = store.route.lock_concerned(tx, said.person_id, said.need_code, said.referral_id)
        allowed = [(one, track) for one, track in concerned if may_hear(tx, one.organisation, said.person_id)]
        moved = [route for one, track in allowed if (route := rules.route.meet_track(one, track))]
        return [
            draft
            for route in moved
            for draft in self._move(tx, message, "need_met", route, referral_id=said.referral_id)
        ] + note_referral(tx, message)

    @on(contracts.RouteLeft)
    def leave_route(self, tx: Transaction, message: Message[contracts.RouteLeft]) -> list[Draft]:
        """The household has left before it graduated."""
        route = followed_route(tx, message)
        return self._move(tx, message, "left", rules.route.leave(route, reason=message.data.reason))

    @on(contracts.RouteRuleSet)
    def set_graduation_rule(self, tx: Transaction, message: Message[contracts.RouteRuleSet]) -> list[Draft]:
        """A coordinator has set by what households graduate from now on."""
        rule = messages.route.rule(message.data)
        rules.route.check_rule(rule, store.route.newest_rule(tx))
        store.route.insert_rule(tx, rule, message)
        return []

    def _move(
        self, tx: Transaction, message: Message[Any], what: str, route: Route, *, referral_id: UUID | None = None
    ) -> list[Draft]:
        """Keep what has become of a route, by the rule that holds now, and tell of it."""
        now = clock.now()
        route = rules.route.recompute(route, store.route.newest_rule(tx), at=now)
        store.route.save_route(tx, route, what, message, at=now, referral_id=referral_id)
        return messages.route.notices(route)

    # -- what people may ask of those who hold their data --------------------------------------------------------------

    @on(contracts.RightsRequested)
    def record_request(self, tx: Transaction, message: Message[contracts.RightsRequested]) -> list[Draft]:
        """A person has asked whichever organisation they went to what is held of them, or to change or erase it."""
        said, now = message.data, clock.now()
        rules.rights.check_new(store.rights.lock_request(tx, said.request_id))
        known_person(tx, said.person_id)
        request = rules.rights.receive(**dict(said), organisation=message.source, at=now)
        store.rights.insert_request(tx, request, message, at=now)
        return tell_of_request(tx, request, at=now)

    @on(contracts.RightsExtended)
    def extend_request(self, tx: Transaction, message: Message[contracts.RightsExtended]) -> list[Draft]:
        """The answer takes longer, and the person knows why."""
        said, now = message.data, clock.now()
        request = rules.rights.check_known(store.rights.lock_request(tx, said.request_id), said.request_id)
        rules.rights.check_extension(request, by=message.source, answerers=answerers_of(tx, request))
        request = rules.rights.extend(request, told_at=said.told_at, at=now)
        store.rights.save_request(tx, request)
        return tell_of_request(tx, request, at=now)

    @on(contracts.RightsAnswered)
    def answer_request(self, tx: Transaction, message: Message[contracts.RightsAnswered]) -> list[Draft]:
        """The person has been answered; whom it was granted to be erased, is, by each who may grant it."""
        said, by, now = message.data, message.source, clock.now()
        request = rules.rights.check_known(store.rights.lock_request(tx, said.request_id), said.request_id)
        rules.rights.check_answer(request, by=by, answerers=answerers_of(tx, request))
        if request.kind != rules.rights.ERASURE:
            store.rights.save_request(tx, rules.rights.answer(request, said.answer, answered_at=said.answered_at))
            return []
        registrations = store.erasure.lock_registrations(tx, request.person_id)
        request, erased = rules.rights.answer_erasure(
            request,
            said.answer,
            by=by,
            left=rules.erasure.whose(registrations),
            coordinators=tx.who_may(Power.COORDINATE),
            answered_at=said.answered_at,
            today=rules.days.day_of(now),
        )
        store.rights.save_request(tx, request)
        waits = tell_of_request(tx, request, at=now) if request.granted_by and request.answer is None else []
        return [*waits, *erase_people(tx, rules.erasure.those(registrations, erased), at=now)]

    @every(timedelta(minutes=1))
    def remind_of_requests(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Say which requests have to be answered soon, or should have been; grant what others left unanswered."""
        return [draft for one in store.rights.lock_due(tx, rules.days.day_of(now)) for draft in go_on(tx, one, at=now)]

    # -- one person in several registrations ---------------------------------------------------------------------------

    @every(timedelta(seconds=0.25))
    def propose_matches(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Compare those who were registered or corrected with everybody who may be the same, several at a time."""
        most = store.matching.COMPARED_BRIEFLY if tx.brief else store.matching.COMPARED_AT_ONCE
        waiting = store.matching.take_waiting(tx, most)
        traits = {one.person_id: rules.matching.read_traits(one) for one in waiting}
        store.matching.save_keys(tx, {one: rules.match_keys.match_keys(traits[one]) for one in traits})
        pairs = store.matching.find_candidates(tx, traits)
        fitting = set(rules.matching.who_fits(traits, pairs))
        if len(waiting) == most or len(fitting) < len(traits):
            tx.come_again()
        for one in traits.keys() - fitting:
            store.matching.compare_later(tx, one, at=now)
        pairs = {pair for pair in pairs if not fitting.isdisjoint(pair)}
        others = store.matching.load_registrations(tx, {one for pair in pairs for one in pair} - traits.keys())
        traits |= {one.person_id: rules.matching.read_traits(one) for one in others}
        alike = rules.matching.propose(pairs, traits)
        chosen, held_back = rules.matching.choose(alike, store.matching.find_asked(tx, alike), traits)
        store.matching.save_held_back(tx, fitting, held_back)
        return [
            messages.matching.proposed(
                one, held_back=max(held_back[person_id] for person_id in one.pair), to=organisation
            )
            for one in store.matching.save_proposals(tx, chosen, at=now)
            for organisation in sorted(tx.who_may(Power.COORDINATE))
        ]

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
        """Keep a decision; tell the hub's services of the network persons that it has made, and other coordinators."""
        persons, now = rules.links.newly_together(before, after), clock.now()
        store.links.save_decision(tx, pair, after, persons, message, at=now)
        store.matching.compare_held_back(tx, after.people, at=now)  # a link answers several
        decided = partial(messages.matching.decided, pair, after.decision(pair), by=message.source, at=now)
        return [
            *(messages.matching.identified(person) for person in persons),
            *(decided(to=other) for other in sorted(tx.who_may(Power.COORDINATE) - {message.source})),
        ]


def known_person(tx: Transaction, person_id: UUID | None) -> Registration | None:
    """Return what rules ask about a person, None for a case code; MissingPrerequisite before they are registered."""
    if person_id is None:
        return None
    return rules.people.check_known(store.people.find_registration(tx, person_id), person_id)


def followed_route(tx: Transaction, message: Message[Any]) -> Route:
    """Lock the route that a message is about; only the organisation that follows the household speaks of it."""
    route_id = message.data.route_id
    return rules.route.check_follower(store.route.lock_route(tx, route_id), route_id, by=message.source)


def end_names(tx: Transaction, ended: Sequence[Consent], *, at: datetime) -> list[Draft]:
    """Ask whoever coordinates to delete the names that they were told under consents that have ended."""
    if not any(rules.naming.PURPOSE in one.purposes for one in ended):
        return []
    taking_part = organisations.taking_part(tx)
    return [
        draft
        for one in ended
        for draft in messages.naming.ended(one, to=rules.naming.may_know(one, taking_part=taking_part), at=at)
    ]


def may_hear(tx: Transaction, organisation: str, person_id: UUID) -> bool:
    """Tell whether an organisation may hear of what becomes of somebody in a household it has registered."""
    member = store.households.find_member(tx, person_id, by=organisation)
    return rules.households.may_follow(organisation, member, coordinators=tx.who_may(Power.COORDINATE), at=clock.now())


def answerers_of(tx: Transaction, request: Request) -> Set[str]:
    """Return which organisations may answer a request."""
    registrars = store.links.find_registrars(tx, request.person_id).keys()
    return rules.rights.answerers(request, registrars=registrars, coordinators=tx.who_may(Power.COORDINATE))


def tell_of_request(tx: Transaction, request: Request, *, at: datetime) -> list[Draft]:
    """Tell whoever is concerned now by when a request has to be answered."""
    today, registered = rules.days.day_of(at), store.links.find_registrars(tx, request.person_id)
    concerned = rules.rights.to_notify(
        request, registered=registered, coordinators=tx.who_may(Power.COORDINATE), today=today
    )
    going: Mapping[UUID, Set[str]] = {}
    if request.kind == rules.rights.ERASURE:
        going = store.rights.find_open_referrals(tx, {request.person_id, *registered.values()})
    may_grant = rules.rights.answerers(request, registrars=registered.keys(), coordinators=tx.who_may(Power.COORDINATE))
    theirs = {one: rules.rights.of_others(going, organisation=one) for one in concerned if one in may_grant}
    return messages.rights.due(request, today=today, to=concerned, open_referrals=theirs)


def note_referral(tx: Transaction, message: Message[contracts.ReferralRecorded]) -> list[Draft]:
    """Keep whether a referral is under way; nothing follows from it."""
    is_open = message.data.state not in rules.rights.ENDED_REFERRALS
    store.rights.note_referral(tx, messages.rights.referral(message, is_open=is_open))
    return []


def go_on(tx: Transaction, request: Request, *, at: datetime) -> list[Draft]:
    """Do what is due of a request's deadline: tell of it, or grant an erasure for those who have said nothing."""
    if request.stage is not rules.rights.Stage.GRANT:
        request = rules.rights.run_deadline(request, today=rules.days.day_of(at))
        store.rights.save_request(tx, request)
        return tell_of_request(tx, request, at=at)
    registrations = store.erasure.lock_registrations(tx, request.person_id)
    request, erased = rules.rights.grant_in_silence(request, left=rules.erasure.whose(registrations), at=at)
    store.rights.save_request(tx, request)
    return erase_people(tx, rules.erasure.those(registrations, erased), at=at)


def erase_people(tx: Transaction, registrations: Mapping[UUID, Registration], *, at: datetime) -> list[Draft]:
    """Erase a person under these of their ids, tell the hub's services, and ask whoever holds something."""
    if not registrations:
        return []
    holders = store.erasure.find_holders(tx, registrations)
    erasure.forget(tx, store.erasure.find_theirs(tx, registrations))
    store.erasure.erase(tx, registrations, at=at)
    # Where a service runs that holds something about people, besides the hub's.
    also_at = organisations.handling(tx, "person.erased")
    told = [draft for one in registrations for draft in messages.erasure.erased(one, at=at, also_at=also_at)]
    erase_by = rules.erasure.erase_by(at)
    asked = rules.erasure.asked(holders, taking_part=organisations.taking_part(tx))
    return [*told, *(messages.erasure.asked(one, organisation, erase_by=erase_by) for one, organisation in asked)]


def warn_of_unknown_place(tx: Transaction, place: str | None, message: Message[Any]) -> None:
    """Say so in the log when a municipality is not in our edition of the list: it may be newer than that."""
    if place is not None and not store.people.knows_place(tx, place):
        log.warning("a municipality is not in the list", extra=fields(message=message.id, contract=message.type))


def erased_again(tx: Transaction, after: str | None, limit: int) -> list[saying.Told]:
    """Return who is erased behind this one."""
    found = store.facts.erased_after(tx, UUID(after or NOBODY), limit=limit)
    return [(str(person_id), [messages.facts.erased_again(person_id, at=at)]) for person_id, at in found]


def consents_again(tx: Transaction, after: str | None, limit: int) -> list[saying.Told]:
    """Return what is known of the consents behind this one."""
    found = store.facts.consents_after(tx, UUID(after or NOBODY), limit=limit)
    return [(str(one.consent.consent_id), messages.facts.consent_again(**one._asdict())) for one in found]


def needs_again(tx: Transaction, after: str | None, limit: int) -> list[saying.Told]:
    """Return what is known of the needs behind this one."""
    found = store.facts.needs_after(tx, UUID(after or NOBODY), limit=limit)
    return [(str(one.need_id), [messages.facts.need_again(one)]) for one in found]
