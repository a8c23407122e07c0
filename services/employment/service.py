"""The employment service: one method for each message it handles, and the clock of the follow-ups."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import contracts
from contracts import Draft, Message, codes
from contracts.codes import Power
from messaging import clock, erasure, organisations
from messaging.identity import Identity
from messaging.on import batches, every, on
from messaging.transaction import Transaction
from services.employment import messages, rules, store
from services.employment.rules.entrepreneurs import Entrepreneur
from services.employment.rules.participations import Participation, Step
from services.employment.rules.referrals import Lead, Referral, Result, Stop

IDENTITY: Final = Identity.from_environment()


def may_speak_for(tx: Transaction, organisation: str) -> bool:
    """Tell whether this service may say for an organisation what it says when somebody is taken on.

    Of its own copy the gateway asks. Without this the hub would keep participants for whoever publishes a service.
    """
    return IDENTITY.organisation is not None or organisation in tx.who_may(Power.RUN_PROGRAMMES)


class EmploymentService:
    """Owns the ways to work and to a business of one's own, from the first step to the last follow-up."""

    name = "employment"
    receive = batches("employment")

    @on(contracts.OrganisationRecorded)
    def record_organisation(self, tx: Transaction, message: Message[contracts.OrganisationRecorded]) -> list[Draft]:
        """An organisation takes part, no longer does, or may do something else."""
        organisations.record(tx, message.data)
        return []

    # -- employers and vacancies ---------------------------------------------------------------------------------------

    @on(contracts.EmployerRegistered)
    def register_employer(self, tx: Transaction, message: Message[contracts.EmployerRegistered]) -> list[Draft]:
        """An organisation works with an employer, or corrects what it said of it."""
        known = store.employers.find_employer(tx, message.data.employer_id)
        employer = rules.employers.register(known, messages.employers.employer(message))
        store.employers.keep_employer(tx, employer, is_new=known is None)
        return [messages.employers.recorded(employer)]

    @on(contracts.EmployerAgreementSigned)
    def record_agreement(self, tx: Transaction, message: Message[contracts.EmployerAgreementSigned]) -> list[Draft]:
        """An employer has agreed to hire through a programme or an inclusive-hiring project."""
        said = message.data
        rules.employers.check_agreement(ends_on=said.ends_on, at=clock.now())
        employer = store.employers.lock_employer(tx, said.employer_id, of=message.source)
        store.employers.insert_agreement(
            tx, said.agreement_id, employer, said.programme, signed_on=said.signed_on, ends_on=said.ends_on
        )
        employer = rules.employers.sign(employer, said.programme)
        store.employers.save_employer(tx, employer)
        return [messages.employers.recorded(employer)]

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Message[contracts.VacancyOpened]) -> list[Draft]:
        """An employer looks for people."""
        store.employers.lock_employer(tx, message.data.employer_id, of=message.source)
        vacancy = rules.employers.open_vacancy(messages.employers.vacancy(message), at=clock.now())
        store.employers.insert_vacancy(tx, vacancy)
        return []

    @on(contracts.VacancyClosed)
    def close_vacancy(self, tx: Transaction, message: Message[contracts.VacancyClosed]) -> list[Draft]:
        """An employer no longer looks for people."""
        vacancy = store.employers.lock_vacancy(tx, message.data.vacancy_id, of=message.source)
        store.employers.save_vacancy(tx, rules.employers.close(vacancy, at=message.data.closed_at))
        return []

    # -- participations ------------------------------------------------------------------------------------------------

    @on(contracts.ParticipationStarted)
    def start_participation(self, tx: Transaction, message: Message[contracts.ParticipationStarted]) -> list[Draft]:
        """A person takes part in a programme."""
        store.people.check_not_erased(tx, message.data.person_id)
        participation = messages.participations.participation(message)
        store.participations.insert(tx, participation)
        return [messages.participations.recorded(participation)]

    @on(contracts.ParticipationStepTaken)
    def record_step(self, tx: Transaction, message: Message[contracts.ParticipationStepTaken]) -> list[Draft]:
        """A participant has taken a step of the employability route."""
        said = message.data
        participation = store.participations.lock(tx, said.participation_id, of=message.source)
        referrals = store.referrals.lock_of(tx, participation)
        participation = rules.participations.take_step(participation, Step(said.step), at=said.taken_at)
        store.participations.save(tx, participation)
        return [messages.participations.recorded(participation), *_progress(tx, referrals, said.step)]

    @on(contracts.ParticipationServiceReceived)
    def record_service(self, tx: Transaction, message: Message[contracts.ParticipationServiceReceived]) -> list[Draft]:
        """A participant has received one of the programme's wrap-around services."""
        said = message.data
        participation = store.participations.lock(tx, said.participation_id, of=message.source)
        referrals = store.referrals.lock_of(tx, participation)
        services = store.participations.services_of(tx, participation.programme)
        rules.participations.check_service(
            participation, said.need_code, services, zone=said.zone, at=said.delivered_at
        )
        store.participations.insert_delivery(tx, said, participation)
        return [messages.participations.delivered(said, participation), *_progress(tx, referrals, "service")]

    @on(contracts.ParticipationEnded)
    def end_participation(self, tx: Transaction, message: Message[contracts.ParticipationEnded]) -> list[Draft]:
        """A participant has completed the programme or left it: what had brought them comes to its outcome."""
        said = message.data
        participation = store.participations.lock(tx, said.participation_id, of=message.source)
        referrals = store.referrals.lock_of(tx, participation)
        participation = rules.participations.end(participation, completed=said.completed, at=said.ended_at)
        store.participations.save(tx, participation)
        result = rules.referrals.result_of_ending(
            completed=said.completed,
            met=participation.placed,
            partly=Step.TRAINING in participation.steps,
            reason=said.reason,
        )
        return [messages.participations.recorded(participation), *_finish(tx, referrals, result)]

    @on(contracts.ParticipationStruckOut)
    def strike_out_participation(
        self, tx: Transaction, message: Message[contracts.ParticipationStruckOut]
    ) -> list[Draft]:
        """A participation should not have been recorded: it no longer counts, nor does what happened in it."""
        said = message.data
        participation = store.participations.lock(tx, said.participation_id, of=message.source)
        referrals = store.referrals.lock_of(tx, participation)
        participation = rules.participations.strike_out(participation)
        _strike_out_candidacies(tx, participation)
        store.participations.save(tx, participation)
        return [
            messages.participations.recorded(participation),
            *(
                messages.participations.delivery_struck_out(delivery_id, participation, said.reason)
                for delivery_id in store.participations.deliveries_in(tx, participation)
            ),
            *_give_up(tx, referrals, said.reason),
        ]

    # -- candidacies and placements ------------------------------------------------------------------------------------

    @on(contracts.CandidacyPutForward)
    def put_forward(self, tx: Transaction, message: Message[contracts.CandidacyPutForward]) -> list[Draft]:
        """A participant is put forward for a vacancy."""
        said = message.data
        candidacy = rules.candidacies.put_forward(
            store.participations.lock(tx, said.participation_id, of=message.source),
            store.employers.lock_vacancy(tx, said.vacancy_id, of=message.source),
            candidacy_id=said.candidacy_id,
            at=said.put_forward_at,
        )
        store.candidacies.insert(tx, candidacy)
        return []

    @on(contracts.CandidacyInterviewed)
    def record_interview(self, tx: Transaction, message: Message[contracts.CandidacyInterviewed]) -> list[Draft]:
        """The employer has met the candidate."""
        candidacy = store.candidacies.lock(tx, message.data.candidacy_id, of=message.source)
        store.candidacies.save(tx, rules.candidacies.interview(candidacy, at=message.data.interviewed_at))
        return []

    @on(contracts.CandidacyRejected)
    def record_rejection(self, tx: Transaction, message: Message[contracts.CandidacyRejected]) -> list[Draft]:
        """The employer does not hire the candidate, or the candidate does not want the work."""
        said = message.data
        candidacy = store.candidacies.lock(tx, said.candidacy_id, of=message.source)
        candidacy = rules.candidacies.reject(candidacy, by_employer=said.by_employer, at=said.rejected_at)
        store.candidacies.save(tx, candidacy)
        return []

    @on(contracts.CandidacyPlaced)
    def place(self, tx: Transaction, message: Message[contracts.CandidacyPlaced]) -> list[Draft]:
        """The participant works for the employer: one place fewer, and follow-ups to come."""
        said = message.data
        candidacy = store.candidacies.lock(tx, said.candidacy_id, of=message.source)
        candidacy = rules.candidacies.place(
            candidacy, starts_on=said.starts_on, contract_signed=said.contract_signed, at=clock.now()
        )
        vacancy = store.employers.lock_vacancy(tx, candidacy.vacancy_id, of=message.source)
        vacancy = rules.employers.fill(vacancy)
        participation = store.participations.lock(tx, candidacy.participation_id, of=message.source)
        referrals = store.referrals.lock_of(tx, participation)
        participation = rules.participations.place(participation)
        store.candidacies.save(tx, candidacy)
        store.employers.save_vacancy(tx, vacancy)
        store.participations.save(tx, participation)
        return [
            messages.candidacies.recorded(candidacy, participation, vacancy),
            messages.participations.recorded(participation),
            *_progress(tx, referrals, "placed"),
        ]

    @on(contracts.PlacementFollowedUp)
    def record_follow_up(self, tx: Transaction, message: Message[contracts.PlacementFollowedUp]) -> list[Draft]:
        """Somebody who was placed has been asked how they are doing."""
        said = message.data
        candidacy = store.candidacies.lock(tx, said.candidacy_id, of=message.source)
        participation = store.participations.lock(tx, candidacy.participation_id, of=message.source)
        vacancy = store.employers.lock_vacancy(tx, candidacy.vacancy_id, of=message.source)
        candidacy = rules.candidacies.follow_up(candidacy, said.day, said.result)
        store.candidacies.save(tx, candidacy)
        store.candidacies.insert_follow_up(tx, candidacy, said.day, at=said.followed_up_at)
        return [messages.candidacies.recorded(candidacy, participation, vacancy)]

    @every(timedelta(seconds=5))
    def tell_follow_ups(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Tell organisations, once for each, whom it is time to ask how they are doing at work."""
        due = store.candidacies.lock_due(tx, rules.days.day_in_colombia(now))
        for candidacy in due:
            store.candidacies.save(tx, rules.candidacies.tell_follow_up(candidacy))
        return [messages.candidacies.follow_up_due(candidacy) for candidacy in due]

    # -- entrepreneurs -------------------------------------------------------------------------------------------------

    @on(contracts.EntrepreneurEnrolled)
    def enrol_entrepreneur(self, tx: Transaction, message: Message[contracts.EntrepreneurEnrolled]) -> list[Draft]:
        """An organisation accompanies somebody with a business, or says what the business is of whom it was sent."""
        store.people.check_not_erased(tx, message.data.person_id)
        known = store.entrepreneurs.find(tx, message.data.entrepreneur_id)
        entrepreneur = rules.entrepreneurs.enrol(known, messages.entrepreneurs.entrepreneur(message))
        store.entrepreneurs.keep(tx, entrepreneur, is_new=known is None)
        return [messages.entrepreneurs.recorded(entrepreneur)]

    @on(contracts.EntrepreneurMentorAssigned)
    def assign_mentor(self, tx: Transaction, message: Message[contracts.EntrepreneurMentorAssigned]) -> list[Draft]:
        """The entrepreneur has a mentor."""
        said = message.data
        entrepreneur = store.entrepreneurs.lock(tx, said.entrepreneur_id, of=message.source)
        referrals = store.referrals.lock_of(tx, entrepreneur)
        entrepreneur = rules.entrepreneurs.assign_mentor(entrepreneur, said.mentor, at=said.assigned_at)
        store.entrepreneurs.save(tx, entrepreneur)
        return [messages.entrepreneurs.recorded(entrepreneur), *_progress(tx, referrals, "mentor_assigned")]

    @on(contracts.EntrepreneurSessionHeld)
    def record_session(self, tx: Transaction, message: Message[contracts.EntrepreneurSessionHeld]) -> list[Draft]:
        """Mentor and entrepreneur have met."""
        said = message.data
        entrepreneur = store.entrepreneurs.lock(tx, said.entrepreneur_id, of=message.source)
        entrepreneur = rules.entrepreneurs.hold_session(entrepreneur, at=said.held_at)
        store.entrepreneurs.insert_session(
            tx, said.session_id, entrepreneur, held_at=said.held_at, minutes=said.minutes
        )
        store.entrepreneurs.save(tx, entrepreneur)
        return [messages.entrepreneurs.recorded(entrepreneur)]

    @on(contracts.EntrepreneurPlanApproved)
    def approve_plan(self, tx: Transaction, message: Message[contracts.EntrepreneurPlanApproved]) -> list[Draft]:
        """The business plan has been approved."""
        entrepreneur = store.entrepreneurs.lock(tx, message.data.entrepreneur_id, of=message.source)
        entrepreneur = rules.entrepreneurs.approve_plan(entrepreneur, at=message.data.approved_at)
        store.entrepreneurs.save(tx, entrepreneur)
        return [messages.entrepreneurs.recorded(entrepreneur)]

    @on(contracts.EntrepreneurCapitalGranted)
    def grant_capital(self, tx: Transaction, message: Message[contracts.EntrepreneurCapitalGranted]) -> list[Draft]:
        """The entrepreneur has received seed capital."""
        said = message.data
        entrepreneur = store.entrepreneurs.lock(tx, said.entrepreneur_id, of=message.source)
        entrepreneur = rules.entrepreneurs.grant_capital(entrepreneur, at=said.granted_at)
        store.entrepreneurs.insert_grant(tx, said.grant_id, entrepreneur, granted_at=said.granted_at, pesos=said.pesos)
        store.entrepreneurs.save(tx, entrepreneur)
        return [messages.entrepreneurs.recorded(entrepreneur)]

    @on(contracts.EntrepreneurFormalised)
    def formalise(self, tx: Transaction, message: Message[contracts.EntrepreneurFormalised]) -> list[Draft]:
        """The business has been registered with the chamber of commerce."""
        entrepreneur = store.entrepreneurs.lock(tx, message.data.entrepreneur_id, of=message.source)
        referrals = store.referrals.lock_of(tx, entrepreneur)
        entrepreneur = rules.entrepreneurs.formalise(entrepreneur, on=message.data.formalised_on)
        store.entrepreneurs.save(tx, entrepreneur)
        return [messages.entrepreneurs.recorded(entrepreneur), *_progress(tx, referrals, "formalised")]

    @on(contracts.EntrepreneurFollowedUp)
    def record_business_follow_up(
        self, tx: Transaction, message: Message[contracts.EntrepreneurFollowedUp]
    ) -> list[Draft]:
        """The entrepreneur has been asked how the business is doing."""
        said = message.data
        entrepreneur = store.entrepreneurs.lock(tx, said.entrepreneur_id, of=message.source)
        rules.entrepreneurs.check_under_way(entrepreneur, at=said.followed_up_at)
        store.entrepreneurs.insert_follow_up(
            tx, entrepreneur, at=said.followed_up_at, trading=said.trading, jobs=said.jobs
        )
        return []

    @on(contracts.EntrepreneurLeft)
    def record_leaving(self, tx: Transaction, message: Message[contracts.EntrepreneurLeft]) -> list[Draft]:
        """The entrepreneur is accompanied no longer: what had brought them comes to its outcome."""
        said = message.data
        entrepreneur = store.entrepreneurs.lock(tx, said.entrepreneur_id, of=message.source)
        referrals = store.referrals.lock_of(tx, entrepreneur)
        entrepreneur = rules.entrepreneurs.leave(entrepreneur, reason=said.reason, at=said.left_at)
        store.entrepreneurs.save(tx, entrepreneur)
        result = rules.referrals.result_of_ending(
            completed=False, met=False, partly=entrepreneur.plan_approved_at is not None, reason=said.reason
        )
        return [messages.entrepreneurs.recorded(entrepreneur), *_finish(tx, referrals, result)]

    @on(contracts.EntrepreneurStruckOut)
    def strike_out_entrepreneur(
        self, tx: Transaction, message: Message[contracts.EntrepreneurStruckOut]
    ) -> list[Draft]:
        """An entrepreneur should not have been recorded: they no longer count."""
        said = message.data
        entrepreneur = store.entrepreneurs.lock(tx, said.entrepreneur_id, of=message.source)
        referrals = store.referrals.lock_of(tx, entrepreneur)
        entrepreneur = rules.entrepreneurs.strike_out(entrepreneur)
        store.entrepreneurs.save(tx, entrepreneur)
        return [messages.entrepreneurs.recorded(entrepreneur), *_give_up(tx, referrals, said.reason)]

    # -- referrals -----------------------------------------------------------------------------------------------------

    @on(contracts.ReferralOffered)
    def take_on(self, tx: Transaction, message: Message[contracts.ReferralOffered]) -> list[Draft]:
        """A referral for what is done here: the person takes part, or is accompanied, without anybody typing it in."""
        offered = message.data
        lead = store.referrals.find_lead(tx, offered.request.need_code)
        known = store.referrals.find(tx, offered.referral_id)
        if not rules.referrals.is_for_here(lead, person_id=offered.request.person_id, is_known=known is not None):
            return []
        assert lead is not None
        if not may_speak_for(tx, offered.request.recipient):
            return []  # offered before it was held there: it is for the organisation's staff
        person_id = offered.request.person_id
        if person_id is not None and store.people.is_erased(tx, person_id):
            return []  # on its way when they were erased; referrals stops it
        begin = _accompany if lead.programme is None else _let_take_part
        return begin(tx, offered, lead, at=clock.now())

    @on(contracts.ReferralStatus)
    def follow_referral(self, tx: Transaction, message: Message[contracts.ReferralStatus]) -> list[Draft]:
        """Somebody has moved a referral on: if it stops, so does what it brought."""
        status = message.data
        referral = store.referrals.find(tx, status.referral_id)
        if referral is None or message.sequence is None or message.sequence <= referral.sequence:
            return []  # answered by somebody else, or an older word
        referral = rules.referrals.hear(
            referral, status.state, reopened=status.reopen_reason is not None, sequence=message.sequence
        )
        drafts = _stop(tx, referral, rules.referrals.STOPS.get(status.state), at=clock.now())
        store.referrals.save(tx, referral)
        return drafts

    @on(contracts.ReferralReminder)
    def purge_what_had_ended(self, tx: Transaction, message: Message[contracts.ReferralReminder]) -> list[Draft]:
        """The consent to a referral that had ended before is withdrawn: a receipt is owed for that as well."""
        referral = store.referrals.find(tx, message.data.referral_id)
        if referral is None or message.data.waits_for != codes.ReminderAbout.PURGE:
            return []
        return _stop(tx, referral, Stop.PURGE, at=clock.now())

    # -- erasing -------------------------------------------------------------------------------------------------------

    @on(contracts.PersonErased)
    def erase_person(self, tx: Transaction, message: Message[contracts.PersonErased]) -> list[Draft]:
        """A person's data is erased: nothing goes on about them, and only what is counted stays."""
        person_id, at = message.data.person_id, message.data.erased_at
        participations = store.participations.lock_of_person(tx, person_id)
        entrepreneurs = store.entrepreneurs.lock_of_person(tx, person_id)
        store.people.erase(tx, person_id)
        erasure.forget(tx, [person_id])
        return [
            *(draft for one in participations for draft in _erase_participation(tx, one, at=at)),
            *(draft for one in entrepreneurs for draft in _erase_entrepreneur(tx, one, at=at)),
        ]


# ---------------------------------------------------------------------------------------------------------------------
# What happens to somebody, and the referrals that it answers
# ---------------------------------------------------------------------------------------------------------------------


def _progress(tx: Transaction, referrals: Iterable[Referral], what: str) -> list[Draft]:
    """Tell the senders of the referrals that brought somebody that they are served, or that the need is met."""
    drafts = []
    for before in referrals:
        after = rules.referrals.progress(before, what)
        if after != before:
            store.referrals.save(tx, after)
        drafts += messages.referrals.progress(before, after, rules.referrals.MET)
    return drafts


def _finish(tx: Transaction, referrals: Iterable[Referral], result: Result) -> list[Draft]:
    """Tell the senders what came of the referrals that are still open."""
    drafts = []
    for before in referrals:
        after = rules.referrals.finish(before)
        store.referrals.save(tx, after)
        drafts += messages.referrals.progress(before, after, result)
    return drafts


def _give_up(tx: Transaction, referrals: Iterable[Referral], reason: codes.StrikeReason) -> list[Draft]:
    """Give the open referrals of somebody who was struck out back to their senders."""
    drafts = []
    for before in referrals:
        after = rules.referrals.give_up(before)
        store.referrals.save(tx, after)
        drafts += messages.referrals.given_up(before, after, reason)
    return drafts


# ---------------------------------------------------------------------------------------------------------------------
# What a referral begins, and what ends with it
# ---------------------------------------------------------------------------------------------------------------------


def _let_take_part(tx: Transaction, offered: contracts.ReferralOffered, lead: Lead, *, at: datetime) -> list[Draft]:
    """Let whom a referral brings take part in the programme, or find them there already."""
    wanted = messages.referrals.participation(offered, lead, at=at)
    found = store.participations.insert_or_find_open(tx, wanted)
    if found is None:
        return []
    participation, is_new = found
    if not participation.referred:
        store.participations.save(tx, rules.participations.find_by_referral(participation))
    referral = messages.referrals.referral(offered, lead, participation_id=participation.participation_id)
    recorded = [messages.participations.recorded(participation)] if is_new else []
    return _answer(tx, referral, participation, recorded, is_served=bool(participation.steps))


def _accompany(tx: Transaction, offered: contracts.ReferralOffered, lead: Lead, *, at: datetime) -> list[Draft]:
    """Accompany whom a referral brings with a business, or find them among those accompanied already."""
    wanted = messages.referrals.entrepreneur(offered, at=at)
    found = store.entrepreneurs.insert_or_find_accompanied(tx, wanted)
    if found is None:
        return []
    entrepreneur, is_new = found
    if not entrepreneur.referred:
        store.entrepreneurs.save(tx, rules.entrepreneurs.find_by_referral(entrepreneur))
    referral = messages.referrals.referral(offered, lead, entrepreneur_id=entrepreneur.entrepreneur_id)
    recorded = [messages.entrepreneurs.recorded(entrepreneur)] if is_new else []
    return _answer(tx, referral, entrepreneur, recorded, is_served=entrepreneur.mentor is not None)


def _answer(
    tx: Transaction, referral: Referral, whom: Participation | Entrepreneur, recorded: list[Draft], *, is_served: bool
) -> list[Draft]:
    """Keep a referral and take it on; who is served already is served for this one, too, and for all before it."""
    others = store.referrals.lock_of(tx, whom) if is_served else []
    store.referrals.insert(tx, referral)
    of_them = sorted([*others, referral], key=lambda one: one.referral_id)
    served = _progress(tx, of_them, "under_way") if is_served else []
    return [*messages.referrals.taken_on(referral), *recorded, *served]


def _keep_going(tx: Transaction, one: Participation | Entrepreneur, *, but: Referral) -> bool:
    """Tell whether another referral than this keeps somebody going."""
    return rules.referrals.keep_going(store.referrals.lock_of(tx, one), but=but)


def _stop(tx: Transaction, referral: Referral, stop: Stop | None, *, at: datetime) -> list[Draft]:
    """End what a referral brought, unless another keeps it going; answer what the stop asks for. None: it goes on."""
    if stop is None:
        return []
    participations = [
        one for one in store.participations.lock_brought_by(tx, referral) if not _keep_going(tx, one, but=referral)
    ]
    entrepreneurs = [
        one for one in store.entrepreneurs.lock_brought_by(tx, referral) if not _keep_going(tx, one, but=referral)
    ]
    end_participation, end_entrepreneur = _ENDINGS[stop]
    return [
        *messages.referrals.stopped(referral, stop, at=at),
        *(draft for one in participations for draft in end_participation(tx, one, at=at)),
        *(draft for one in entrepreneurs for draft in end_entrepreneur(tx, one, at=at)),
    ]


def _stop_participation(tx: Transaction, participation: Participation, *, at: datetime) -> list[Draft]:
    return _save_participation(tx, participation, rules.participations.stop(participation, at=at))


def _undo_participation(tx: Transaction, participation: Participation, *, at: datetime) -> list[Draft]:
    return _save_participation(tx, participation, rules.participations.undo(participation, at=at))


def _erase_participation(tx: Transaction, participation: Participation, *, at: datetime) -> list[Draft]:
    for candidacy in store.candidacies.lock_of(tx, participation):
        store.candidacies.save(tx, rules.candidacies.erase(candidacy))
    store.participations.erase_deliveries(tx, participation)
    return _stop_participation(tx, participation, at=at)


def _save_participation(tx: Transaction, before: Participation, after: Participation) -> list[Draft]:
    if after == before:
        return []
    store.participations.save(tx, after)
    return [messages.participations.recorded(after)]


def _strike_out_candidacies(tx: Transaction, participation: Participation) -> None:
    """Free the places that were taken, and let nobody follow up."""
    candidacies = store.candidacies.lock_of(tx, participation)
    vacancies = [
        store.employers.lock_vacancy(tx, candidacy.vacancy_id, of=participation.organisation)
        for candidacy in candidacies
        if candidacy.state == rules.candidacies.State.PLACED
    ]
    for vacancy in vacancies:
        store.employers.save_vacancy(tx, rules.employers.vacate(vacancy))
    for candidacy in candidacies:
        store.candidacies.save(tx, rules.candidacies.strike_out(candidacy))


def _stop_entrepreneur(tx: Transaction, entrepreneur: Entrepreneur, *, at: datetime) -> list[Draft]:
    return _save_entrepreneur(tx, entrepreneur, rules.entrepreneurs.stop(entrepreneur, at=at))


def _undo_entrepreneur(tx: Transaction, entrepreneur: Entrepreneur, *, at: datetime) -> list[Draft]:
    return _save_entrepreneur(tx, entrepreneur, rules.entrepreneurs.undo(entrepreneur, at=at))


def _erase_entrepreneur(tx: Transaction, entrepreneur: Entrepreneur, *, at: datetime) -> list[Draft]:
    store.entrepreneurs.erase_details(tx, entrepreneur)
    return _save_entrepreneur(tx, entrepreneur, rules.entrepreneurs.erase(entrepreneur, at=at))


def _save_entrepreneur(tx: Transaction, before: Entrepreneur, after: Entrepreneur) -> list[Draft]:
    if after == before:
        return []
    store.entrepreneurs.save(tx, after)
    return [messages.entrepreneurs.recorded(after)] if after.sequence != before.sequence else []


_ENDINGS: Final = {
    Stop.LEAVE: (_stop_participation, _stop_entrepreneur),
    Stop.CANCEL: (_stop_participation, _stop_entrepreneur),
    Stop.UNDO: (_undo_participation, _undo_entrepreneur),
    Stop.PURGE: (_erase_participation, _erase_entrepreneur),
}
