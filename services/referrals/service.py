"""The referrals service: one method for each message it handles, and the deadlines."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft, Message, codes
from contracts.codes import Power
from contracts.deadlines import Absence
from messaging import clock, erasure, organisations, public_keys, saying
from messaging import on as running
from messaging.on import batches
from messaging.plausible import check_absence
from messaging.public_keys import KeyIds, PublicKeys
from messaging.transaction import Transaction
from services.referrals import messages, rules, store


def key_ids() -> KeyIds:
    """To which keys something may be sealed for each organisation now; nothing where no directory is named."""
    file = os.environ.get("RUTA_DIRECTORY_FILE")
    return _public_keys(Path(file)).ids() if file else {}


@lru_cache(maxsize=1)
def _public_keys(file: Path) -> PublicKeys:
    return PublicKeys(file)


Drafts = Sequence[Draft]


def on(contract: type) -> Callable[[Callable[..., Drafts]], Callable[..., Drafts]]:
    """Declare the handler of a contract, as `messaging.on` does; what it tells the hub's services is kept."""
    return lambda handler: running.on(contract)(keeping_facts(handler))


def every(interval: timedelta) -> Callable[[Callable[..., Drafts]], Callable[..., Drafts]]:
    """Declare a method to run at an interval, as `messaging.on` does; what it tells the hub's services is kept."""
    return lambda handler: running.every(interval)(keeping_facts(handler))


def keeping_facts(handler: Callable[..., Drafts]) -> Callable[..., Drafts]:
    """Have what a handler tells the hub's services of referrals be kept, so that it can be said again."""

    @wraps(handler)
    def handle(self: object, tx: Transaction, what: Any) -> Drafts:
        drafts = handler(self, tx, what)
        for draft in drafts:
            if fact := messages.fact(draft):
                store.keep_fact(tx, fact)
        return drafts

    return handle


class ReferralsService:
    """Owns every referral between organisations, from the request to its end."""

    name = "referrals"
    receive = batches("referrals")

    @on(contracts.OrganisationRecorded)
    def record_organisation(self, tx: Transaction, message: Message[contracts.OrganisationRecorded]) -> list[Draft]:
        """An organisation takes part, no longer does, or may do something else."""
        organisations.record(tx, message.data)
        store.organisations_changed(tx)
        return []

    # -- services and consents -----------------------------------------------------------------------------------------

    @on(contracts.ServicePublished)
    def record_service(self, tx: Transaction, message: Message[contracts.ServicePublished]) -> list[Draft]:
        """An organisation offers a service, or no longer does."""
        service = messages.service(message)
        # For whom the hub's employment service may answer: it says then what the organisation could have said itself.
        may_be_answered_for = tx.who_may(Power.RUN_PROGRAMMES)
        rules.check_publishable(service, zones=messages.zones(message.data), may_be_answered_for=may_be_answered_for)
        store.publish_service(tx, service, messages.listing(message.data))
        return [messages.recorded(service, store.find_capacity(tx, service.service_id))]

    @on(contracts.CapacityStated)
    def record_capacity(self, tx: Transaction, message: Message[contracts.CapacityStated]) -> list[Draft]:
        """An organisation says whether a service of its own can take people on."""
        service = store.find_service(tx, message.data.service_id)
        capacity = rules.state_capacity(
            messages.capacity(message.data), service=service, by=message.source, now=clock.now()
        )
        store.state_capacity(tx, capacity)
        return [messages.recorded(service, capacity)]

    @on(contracts.ConsentRecorded)
    def record_consent(self, tx: Transaction, message: Message[contracts.ConsentRecorded]) -> list[Draft]:
        """Intake holds a consent that referrals may be sent under."""
        store.record_consent(tx, messages.consent(message.data))
        return []

    @on(contracts.ConsentSuspended)
    def suspend_consent(self, tx: Transaction, message: Message[contracts.ConsentSuspended]) -> list[Draft]:
        """Somebody says that the person has taken a consent back: for now nothing new goes out under it."""
        consent = store.lock_consent(tx, message.data.consent_id)
        if consent is not None:
            store.suspend_consent(tx, consent, suspended_at=message.data.suspended_at)
        return []

    @on(contracts.ConsentResumed)
    def resume_consent(self, tx: Transaction, message: Message[contracts.ConsentResumed]) -> list[Draft]:
        """The person has not taken it back."""
        consent = store.lock_consent(tx, message.data.consent_id)
        if consent is not None:
            store.suspend_consent(tx, consent, suspended_at=None)
        return []

    @on(contracts.ConsentEnded)
    def stop_under_consent(self, tx: Transaction, message: Message[contracts.ConsentEnded]) -> list[Draft]:
        """A consent no longer holds: open referrals under it stop, and who holds what was sent is notified."""
        consent = store.lock_consent(tx, message.data.consent_id)
        if consent is None or consent.ended_at is not None:
            return []  # its holders have been told
        drafts, stopped = [], []
        referrals = store.lock_referrals_under(tx, consent.consent_id)
        store.end_consent(tx, consent, ended_at=message.data.ended_at)
        for referral in referrals:
            referral = rules.withdraw_consent(referral, by=message.source, at=clock.now())
            store.save_referral(tx, referral, message)
            drafts += messages.withdrawal(referral)
            stopped.append(referral)
        return drafts + [draft for referral in stopped for draft in end_chain(tx, referral, message)]

    @on(contracts.ServicesSought)
    def suggest_services(self, tx: Transaction, message: Message[contracts.ServicesSought]) -> list[Draft]:
        """An organisation asks who could meet a need: the answer is ranked, with reasons; nothing is kept."""
        seeker = messages.seeker(message.data)
        rules.check_seeker(seeker)
        candidates = rules.who_may_have(
            store.find_candidates(tx, [seeker.need_code])[seeker.need_code],
            confidential=codes.is_confidential(seeker.need_code),
            use_screens=tx.who_may(Power.USES_SCREENS),
        )
        return messages.suggestions(message, rules.rank(candidates, seeker, now=clock.now()))

    @on(contracts.FactsAsked)
    def say_facts_again(self, tx: Transaction, message: Message[contracts.FactsAsked]) -> list[Draft]:
        """A service that only reads asks what was told of services and referrals."""
        asked = message.data
        if asked.service != self.name:
            return []
        until = asked.begun_at + saying.COMES_BY_ITSELF
        kinds = [
            saying.Kind("service", partial(services_again, tx)),
            saying.Kind("referral", partial(referrals_again, tx, until)),
        ]
        page = saying.page(asked, kinds, count=partial(store.count_facts, tx, until=until))
        return [messages.facts_said(asked, page)]

    # -- sending -------------------------------------------------------------------------------------------------------

    @on(contracts.ReferralRequested)
    def send_referral(self, tx: Transaction, message: Message[contracts.ReferralRequested]) -> list[Draft]:
        """The sender asks the recipient to meet a person's need."""
        asked, now = message.data, clock.now()
        referral = rules.send(
            messages.draft_referral(asked, sender=message.source, at=now),
            service=store.find_service(tx, asked.service_id),
            consent=store.lock_consent(tx, asked.consent_id),
            override=leave_without_consent(tx, message),
            shares=frozenset(asked.shares),
            use_screens=tx.who_may(Power.USES_SCREENS),
            follow_up_on=messages.follow_up_on(asked),
            by=message.source,
            at=now,
        )
        beside = store.open_beside(tx, referral)
        store.insert_referral(tx, referral, messages.request(asked), message)
        return [
            *messages.offer(referral, asked, beside=beside),
            *messages.overridden(referral, coordinators=tx.who_may(Power.COORDINATE)),
        ]

    @on(contracts.ReferralRedirected)
    def redirect_referral(self, tx: Transaction, message: Message[contracts.ReferralRedirected]) -> list[Draft]:
        """The recipient passes the person on: this referral ends, a new one goes to another."""
        said, now = message.data, clock.now()
        referral = store.lock_referral(tx, said.referral_id, of=message.source)
        referral = rules.redirect(referral, by=message.source, at=now, to=said.recipient, consent_id=said.consent_id)
        asked = messages.onward_request(store.request_of(tx, referral), said, at=now)
        onward = rules.send(
            messages.draft_referral(asked, sender=referral.sender, at=now, redirected_from=referral.referral_id),
            service=store.find_service(tx, said.service_id),
            consent=store.lock_consent(tx, said.consent_id),
            override=None,
            shares=frozenset(asked.shares),
            use_screens=tx.who_may(Power.USES_SCREENS),
            follow_up_on=messages.follow_up_on(asked),
            by=message.source,
            at=now,
        )
        referral = rules.go_on(
            referral,
            onward,
            by=message.source,
            before=store.chain_before(tx, referral),
            after=[rules.Link.of(onward)],
        )
        beside = store.open_beside(tx, onward)
        store.save_referral(tx, referral, message)
        store.insert_referral(tx, onward, messages.request(asked), message)
        return [*messages.statuses(referral, said), *messages.offer(onward, asked, beside=beside)]

    # -- answering -----------------------------------------------------------------------------------------------------

    @on(contracts.ReferralReceived)
    def record_receipt(self, tx: Transaction, message: Message[contracts.ReferralReceived]) -> list[Draft]:
        """The recipient's system has the referral and could open it."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.receive(referral, by=message.source, at=clock.now())
        store.save_referral(tx, referral, message)
        return messages.statuses(referral)

    @on(contracts.ReferralAccepted)
    def record_acceptance(self, tx: Transaction, message: Message[contracts.ReferralAccepted]) -> list[Draft]:
        """The recipient takes the person on."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.accept(referral, by=message.source, at=clock.now())
        store.save_referral(tx, referral, message)
        return messages.statuses(referral)

    @on(contracts.ReferralDeclined)
    def record_decline(self, tx: Transaction, message: Message[contracts.ReferralDeclined]) -> list[Draft]:
        """The recipient does not take the person on, or gives up what it had accepted."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.decline(referral, by=message.source, at=clock.now(), reason=message.data.reason)
        found = find_alternatives(tx, filter(rules.may_be_met_elsewhere, [referral]), clock.now())
        store.save_referral(tx, referral, message)
        others = found.get(referral.referral_id)
        return [
            *messages.statuses(referral, message.data),
            *(messages.suggestion(referral, others) if others else []),
            *end_chain(tx, referral, message),
        ]

    @on(contracts.ReferralWaitlisted)
    def record_place_in_line(self, tx: Transaction, message: Message[contracts.ReferralWaitlisted]) -> list[Draft]:
        """The recipient puts the person on its waiting list."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        estimate = messages.estimate(message.data)
        referral = rules.waitlist(referral, by=message.source, at=clock.now(), estimate=estimate)
        store.save_referral(tx, referral, message)
        said = message.data
        store.join_line(tx, referral, place=said.place_in_line, estimate_days=said.estimate_days, at=clock.now())
        return messages.statuses(referral, said)

    @on(contracts.ReferralInfoRequested)
    def record_question(self, tx: Transaction, message: Message[contracts.ReferralInfoRequested]) -> list[Draft]:
        """The recipient asks something before it decides; the deadline stops."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.request_info(referral, by=message.source, at=clock.now(), topic=message.data.topic)
        check_notes(referral, message)
        store.save_referral(tx, referral, message)
        return messages.statuses(referral, message.data)

    @on(contracts.ReferralInfoProvided)
    def record_answer(self, tx: Transaction, message: Message[contracts.ReferralInfoProvided]) -> list[Draft]:
        """The sender answers; the deadline goes on with what was left."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.provide_info(referral, by=message.source, at=clock.now())
        check_notes(referral, message)
        store.check_not_suspended(tx, referral)
        store.save_referral(tx, referral, message)
        return messages.statuses(referral, message.data)

    # -- serving -------------------------------------------------------------------------------------------------------

    @on(contracts.ReferralScheduled)
    def record_visit(self, tx: Transaction, message: Message[contracts.ReferralScheduled]) -> list[Draft]:
        """The recipient has set a visit, or another time for it."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.schedule(
            referral, by=message.source, at=clock.now(), visit_at=message.data.visit_at, said_at=message.time
        )
        check_notes(referral, message)
        store.save_referral(tx, referral, message)
        return messages.statuses(referral, message.data)

    @on(contracts.ReferralNoShow)
    def record_no_show(self, tx: Transaction, message: Message[contracts.ReferralNoShow]) -> list[Draft]:
        """The person did not come to the visit."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.report_no_show(referral, by=message.source, at=clock.now())
        store.save_referral(tx, referral, message)
        return messages.statuses(referral)

    @on(contracts.ReferralVisitCancelled)
    def record_visit_cancelled(
        self, tx: Transaction, message: Message[contracts.ReferralVisitCancelled]
    ) -> list[Draft]:
        """The visit was called off; the referral goes on."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.cancel_visit(referral, by=message.source, at=clock.now(), whose=message.data.cancelled_by)
        store.save_referral(tx, referral, message)
        return messages.statuses(referral, message.data)

    @on(contracts.ReferralServiceStarted)
    def record_start(self, tx: Transaction, message: Message[contracts.ReferralServiceStarted]) -> list[Draft]:
        """The recipient serves the person."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.start_service(referral, by=message.source, at=clock.now())
        store.save_referral(tx, referral, message)
        return messages.statuses(referral)

    @on(contracts.ReferralServiceNoted)
    def record_note(self, tx: Transaction, message: Message[contracts.ReferralServiceNoted]) -> list[Draft]:
        """The recipient tells how the service goes; the note passes through sealed."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.note_service(referral, by=message.source, at=clock.now())
        check_notes(referral, message)
        store.save_referral(tx, referral, message)
        return messages.statuses(referral, message.data)

    @on(contracts.ReferralCompleted)
    def record_completion(self, tx: Transaction, message: Message[contracts.ReferralCompleted]) -> list[Draft]:
        """The recipient has done what it could, and says what came of it."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.complete(
            referral,
            by=message.source,
            at=clock.now(),
            outcome=message.data.outcome,
            not_met_reason=message.data.not_met_reason,
        )
        check_notes(referral, message)
        store.save_referral(tx, referral, message)
        return [*messages.statuses(referral, message.data), *refer_onward(tx, referral, message)]

    @on(contracts.ReferralClosed)
    def record_closing(self, tx: Transaction, message: Message[contracts.ReferralClosed]) -> list[Draft]:
        """The sender confirms what came of it."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.close(
            referral,
            by=message.source,
            at=clock.now(),
            outcome=message.data.outcome,
            not_met_reason=message.data.not_met_reason,
        )
        store.save_referral(tx, referral, message)
        return [*messages.statuses(referral, message.data), *end_chain(tx, referral, message)]

    @on(contracts.ReferralReopened)
    def reopen_referral(self, tx: Transaction, message: Message[contracts.ReferralReopened]) -> list[Draft]:
        """A coordinator opens a closed referral again."""
        coordinators = tx.who_may(Power.COORDINATE)
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source, coordinators=coordinators)
        referral = rules.reopen(
            referral,
            by=message.source,
            at=clock.now(),
            reason=message.data.reason,
            coordinators=coordinators,
            use_screens=tx.who_may(Power.USES_SCREENS),
        )
        store.check_reopening(tx, referral)
        store.save_referral(tx, referral, message)
        return messages.statuses(referral, message.data)

    # -- coordinating --------------------------------------------------------------------------------------------------

    @on(contracts.ReferralChased)
    def record_chase(self, tx: Transaction, message: Message[contracts.ReferralChased]) -> list[Draft]:
        """A coordinator has asked a party for its answer."""
        coordinators, said = tx.who_may(Power.COORDINATE), message.data
        referral = store.lock_referral(tx, said.referral_id, of=message.source, coordinators=coordinators)
        referral = rules.chase(
            referral,
            by=message.source,
            at=clock.now(),
            organisation=said.organisation,
            means=said.means,
            result=said.result,
            chased_at=said.chased_at,
            coordinators=coordinators,
        )
        store.save_referral(tx, referral, message)
        return messages.chased(referral, said, coordinators=coordinators)

    @on(contracts.ReferralDeadlineExtended)
    def extend_deadline(self, tx: Transaction, message: Message[contracts.ReferralDeadlineExtended]) -> list[Draft]:
        """A coordinator gives whoever is awaited more time."""
        coordinators, said = tx.who_may(Power.COORDINATE), message.data
        referral = store.lock_referral(tx, said.referral_id, of=message.source, coordinators=coordinators)
        referral = rules.extend_deadline(
            referral,
            by=message.source,
            at=clock.now(),
            until=said.due_at,
            reason=said.reason,
            coordinators=coordinators,
        )
        store.save_referral(tx, referral, message)
        return messages.extended(referral, said, coordinators=coordinators)

    @on(contracts.ReferralTakenOn)
    def take_on(self, tx: Transaction, message: Message[contracts.ReferralTakenOn]) -> list[Draft]:
        """A coordinator sees to it that a referral goes on, alone."""
        coordinators, said = tx.who_may(Power.COORDINATE), message.data
        referral = store.lock_referral(tx, said.referral_id, of=message.source, coordinators=coordinators)
        referral = rules.take_on(
            referral,
            by=message.source,
            at=clock.now(),
            taken_over_from=said.taken_over_from,
            coordinators=coordinators,
        )
        store.save_referral(tx, referral, message)
        return messages.taken_on(referral, coordinators=coordinators)

    @on(contracts.ConsoleWasAway)
    def make_up_for_absence(self, tx: Transaction, message: Message[contracts.ConsoleWasAway]) -> list[Draft]:
        """The hub's console was away from who answers by nothing else: what fell due counts later."""
        said, now = message.data, clock.now()
        absence = check_absence(said.began_at, said.ended_at, now=now)
        known = rules.known_of(said.organisations, known=organisations.ever_known(tx))
        store.note_away(tx, known, absence)
        waited = store.lock_waited(tx, known, absence)
        return make_up(tx, waited, store.absences_of(tx, known), now, message)

    # -- writing to each other -----------------------------------------------------------------------------------------

    @on(contracts.ReferralNoteAdded)
    def add_note(self, tx: Transaction, message: Message[contracts.ReferralNoteAdded]) -> list[Draft]:
        """A party or a coordinator writes to others who see to it; the notes pass through sealed."""
        coordinators, said = tx.who_may(Power.COORDINATE), message.data
        referral = store.lock_referral(tx, said.referral_id, of=message.source, coordinators=coordinators)
        referral = rules.add_note(
            referral,
            by=message.source,
            at=clock.now(),
            kind=said.kind,
            addressees=[one.addressee for one in said.notes],
            call_back_at=said.call_back_at,
            consent=store.lock_consent(tx, referral.consent_id),
            coordinators=coordinators,
            use_screens=tx.who_may(Power.USES_SCREENS),
        )
        store.save_referral(tx, referral, message)
        return messages.note_added(referral, said)

    # -- stopping ------------------------------------------------------------------------------------------------------

    @on(contracts.ReferralCancelRequested)
    def record_cancel_request(
        self, tx: Transaction, message: Message[contracts.ReferralCancelRequested]
    ) -> list[Draft]:
        """The sender takes the referral back."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.request_cancel(referral, by=message.source, at=clock.now(), reason=message.data.reason)
        store.save_referral(tx, referral, message)
        return [*messages.statuses(referral, message.data), *end_chain(tx, referral, message)]

    @on(contracts.ReferralCancelled)
    def record_cancellation(self, tx: Transaction, message: Message[contracts.ReferralCancelled]) -> list[Draft]:
        """The recipient agrees that the referral is taken back."""
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source)
        referral = rules.confirm_cancel(referral, by=message.source, at=clock.now())
        store.save_referral(tx, referral, message)
        return [*messages.statuses(referral), *end_chain(tx, referral, message)]

    @on(contracts.ReferralEnteredInError)
    def strike_out(self, tx: Transaction, message: Message[contracts.ReferralEnteredInError]) -> list[Draft]:
        """The sender or a coordinator strikes out a referral that should never have been."""
        coordinators = tx.who_may(Power.COORDINATE)
        referral = store.lock_referral(tx, message.data.referral_id, of=message.source, coordinators=coordinators)
        referral = rules.enter_in_error(
            referral, by=message.source, at=clock.now(), reason=message.data.reason, coordinators=coordinators
        )
        store.save_referral(tx, referral, message)
        return [*messages.statuses(referral, message.data), *end_chain(tx, referral, message)]

    @on(contracts.ReferralPurged)
    def record_purge(self, tx: Transaction, message: Message[contracts.ReferralPurged]) -> list[Draft]:
        """A holder has deleted what it held under a consent that ended."""
        referral = store.lock_held_referral(tx, message.data.referral_id, by=message.source)
        referral = rules.record_purge(referral, by=message.source, at=clock.now())
        store.save_referral(tx, referral, message)
        return messages.purged(referral)

    @on(contracts.PersonErased)
    def erase_person(self, tx: Transaction, message: Message[contracts.PersonErased]) -> list[Draft]:
        """Intake has erased a person: nothing more is sent, what is open stops, what was asked is forgotten."""
        person_id, now = message.data.person_id, clock.now()
        store.end_consents_of(tx, person_id, ended_at=message.data.erased_at)
        referrals = [rules.erase(one, at=now) for one in store.lock_referrals_of(tx, person_id)]
        for referral in referrals:
            store.save_referral(tx, referral, message)
            store.forget_request(tx, referral, erased_at=message.data.erased_at)
            store.forget_facts(tx, referral.referral_id)
        erasure.forget(tx, [person_id, *(one.referral_id for one in referrals)])  # a sealed note names only the latter
        drafts = [draft for referral in referrals if referral.steps for draft in messages.withdrawal(referral)]
        return drafts + [draft for referral in referrals for draft in end_chain(tx, referral, message)]

    # -- deadlines -----------------------------------------------------------------------------------------------------

    @every(timedelta(seconds=1))
    def run_deadlines(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Do the next stage of every deadline that has one due: remind, escalate, suggest, expire, close."""
        due = [rules.run_deadline(referral, now=now) for referral in store.lock_due_referrals(tx, now)]
        alternatives = find_alternatives(tx, filter(rules.seeks_alternatives, due), now)
        coordinators = tx.who_may(Power.COORDINATE)
        for referral in due:
            store.save_referral(tx, referral)
        drafts = [
            draft
            for referral in due
            for draft in messages.by_the_clock(referral, alternatives=alternatives, coordinators=coordinators)
        ]
        return drafts + [draft for referral in due for draft in end_chain(tx, referral)]

    @every(timedelta(seconds=1))
    def make_up_for_what_is_left(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Go on with an absence behind which more has waited than one transaction may move: others want these rows."""
        left = store.absence_left(tx)
        if left is None:
            return []
        organisations, absence, after = left
        waited = store.lock_waited(tx, organisations, absence, after=after)
        return make_up(tx, waited, store.absences_of(tx, organisations), now)

    @every(timedelta(seconds=5))
    def move_up_lines(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Move those up who stand behind somebody that has left a waiting list, and tell them at most once a minute."""
        for line in store.lines_left(tx):
            store.save_line(tx, line, rules.close_ranks(line))
        drafts = []
        for referral, place in store.lock_moved(tx, now):
            referral = rules.move_up(referral, place=place, at=now)
            store.save_referral(tx, referral)
            store.note_notified(tx, referral.referral_id, place=place, at=now)
            drafts += messages.moved_up(referral, place=place)
        return drafts


def make_up(
    tx: Transaction,
    waited: Iterable[tuple[rules.Referral, str]],
    absences: Mapping[str, Sequence[Absence]],
    now: datetime,
    cause: Message[Any] | None = None,
) -> list[Draft]:
    """Have what waited for an organisation from which the console was away end later, and tell its parties."""
    drafts = []
    for referral, organisation in waited:
        later = rules.make_up(referral, absences.get(organisation, ()), at=now)
        if later is not referral:
            store.save_referral(tx, later, cause)
            drafts += messages.made_up(later)
    return drafts


def check_notes(referral: rules.Referral, message: Message[Any]) -> None:
    """Refuse a note that is not sealed to the party it is for; where no directory is named nobody's key is known."""
    keys = key_ids()
    for note in messages.notes(message) if keys else ():
        rules.check_note(note, referral, in_force=lambda reader, key_id: public_keys.in_force(keys, [reader], key_id))


def leave_without_consent(tx: Transaction, message: Message[contracts.ReferralRequested]) -> rules.Override | None:
    """Return the override that a request has, with how often its sender has used others; None where it has none."""
    override = messages.override(message)
    return override and replace(override, used_before=store.overrides_used(tx, message.source))


def find_alternatives(
    tx: Transaction, referrals: Iterable[rules.Referral], now: datetime
) -> dict[UUID, list[rules.Service]]:
    """Return, for each referral, who else offers what is needed, the best first."""
    referrals, use_screens = list(referrals), tx.who_may(Power.USES_SCREENS)
    candidates = store.find_candidates_for(tx, referrals)
    found = {}
    for one in referrals:
        others = rules.who_may_have(
            candidates[one.need_code], confidential=one.is_confidential, use_screens=use_screens
        )
        found[one.referral_id] = rules.alternatives(one, others, now=now)
    return found


def refer_onward(
    tx: Transaction, referral: rules.Referral, message: Message[contracts.ReferralCompleted]
) -> list[Draft]:
    """Link a completed referral with the one that its recipient has sent in its place, if it names one."""
    onward_id = message.data.onward_referral_id
    if onward_id is None:
        return []
    onward = store.lock_referral(tx, onward_id, of=message.source)
    before, after = store.chain_before(tx, referral), store.chain_after(tx, onward)
    referral, onward = rules.refer_onward(
        replace(referral, steps=()), onward, by=message.source, before=before, after=store.links(after)
    )
    store.save_referral(tx, referral)
    store.save_referral(tx, onward)
    last = store.last_after(tx, onward)
    return tell_those_before(tx, last, message) if rules.has_ended(last) else []


def end_chain(tx: Transaction, referral: rules.Referral, cause: Message[Any] | None = None) -> list[Draft]:
    """Where a referral is the last of a chain and has just ended, tell those before it."""
    return tell_those_before(tx, referral, cause) if rules.ends_chain(referral) else []


def tell_those_before(tx: Transaction, last: rules.Referral, cause: Message[Any] | None) -> list[Draft]:
    """Tell the parties of each referral that was referred onward how the last of its chain has ended."""
    drafts = []
    for referral in store.referred_onward_before(tx, last):
        referral = rules.hear_of_end(referral, last, at=clock.now())
        store.save_referral(tx, referral, cause)
        drafts += messages.chain_ended(referral, last)
    return drafts


def services_again(tx: Transaction, after: str | None, limit: int) -> list[saying.Told]:
    """Return what is known of the services behind this one."""
    ids = [row["service_id"] for row in store.services_after(tx, after or str(UUID(int=0)), limit=limit)]
    tx.mention(ids)
    services = (store.find_service(tx, one) for one in ids)
    recorded = (messages.recorded(one, store.find_capacity(tx, one.service_id)) for one in services)
    return [(draft.subject, [messages.service_again(draft)]) for draft in recorded]


def referrals_again(tx: Transaction, until: datetime, after: str | None, limit: int) -> list[saying.Told]:
    """Return what was told of referrals behind this fact and until then."""
    return [
        (
            str(fact.fact_id),
            [
                messages.referral_again(
                    fact.referral,
                    number=fact.number,
                    what=fact.what,
                    at=fact.told_at,
                    by=fact.told_by,
                    details=fact.details,
                    is_whole=fact.is_whole,
                )
            ],
        )
        for fact in store.facts_after(tx, int(after or 0), until=until, limit=limit)
    ]
