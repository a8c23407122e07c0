"""The reports: one method for each kind of fact that they count from. They say nothing."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message
from hub.reports import messages, rules
from hub.reports.store import facts, jornadas, services
from messaging import clock, erasure
from messaging.on import batches, on
from messaging.transaction import Transaction


class ReportsService:
    """Keeps the facts that reports are counted from, in tables of its own."""

    name = "reports"
    receive = batches("reports")

    # -- people --------------------------------------------------------------------------------------------------------

    @on(contracts.PersonProfiled)
    def keep_profile(self, tx: Transaction, message: Message[contracts.PersonProfiled]) -> list[Draft]:
        """What may be known of a registered person in order to count."""
        facts.keep(tx, facts.PROFILE, messages.profile(message))
        return []

    @on(contracts.PersonIdentified)
    def keep_identity(self, tx: Transaction, message: Message[contracts.PersonIdentified]) -> list[Draft]:
        """Several registrations are one person, who counts once; or no longer are."""
        facts.keep(tx, facts.IDENTITY, messages.identity(message))
        return []

    @on(contracts.PersonErased)
    def erase_person(self, tx: Transaction, message: Message[contracts.PersonErased]) -> list[Draft]:
        """A person's data is erased; what they were counted in goes on counting."""
        facts.keep(tx, facts.ERASURE, messages.erasure(message))
        erasure.forget(tx, [message.data.person_id])
        return []

    @on(contracts.ConsentRecorded)
    def keep_case(self, tx: Transaction, message: Message[contracts.ConsentRecorded]) -> list[Draft]:
        """Intake holds a consent: of it a confidential case is known; a person it has spoken of already."""
        if message.data.case_code is not None:
            facts.keep(tx, facts.KNOWN_CASE, messages.known_case(message.data))
        return []

    @on(contracts.EtpvStepRecorded)
    def keep_etpv_step(self, tx: Transaction, message: Message[contracts.EtpvStepRecorded]) -> list[Draft]:
        """A step of somebody's registration for the Statute."""
        facts.keep(tx, facts.ETPV_STEP, messages.etpv_step(message))
        return []

    @on(contracts.EtpvStepUnrecorded)
    def strike_out_etpv_step(self, tx: Transaction, message: Message[contracts.EtpvStepUnrecorded]) -> list[Draft]:
        """A step of the Statute no longer counts."""
        facts.keep(tx, facts.STEP_UNRECORDED, messages.step_unrecorded(message))
        return []

    @on(contracts.RouteRecorded)
    def keep_route(self, tx: Transaction, message: Message[contracts.RouteRecorded]) -> list[Draft]:
        """How far a household is on its integration route."""
        facts.keep(tx, facts.ROUTE, messages.route(message))
        return []

    # -- outreach events and what was done -----------------------------------------------------------------------------

    @on(contracts.JornadaRecorded)
    def keep_jornada(self, tx: Transaction, message: Message[contracts.JornadaRecorded]) -> list[Draft]:
        """An outreach event, and how far it is."""
        rules.check_speaks_for(message.data.organiser, by=message.source)
        rules.check_planned(message.data.starts_at, now=clock.now())
        jornadas.keep(tx, messages.jornada(message))
        return []

    @on(contracts.AttendanceCounted)
    def keep_attendance(self, tx: Transaction, message: Message[contracts.AttendanceCounted]) -> list[Draft]:
        """Whether somebody counts as present at an outreach event."""
        rules.check_speaks_for(message.data.organiser, by=message.source)
        facts.keep(tx, facts.ATTENDANCE, messages.attendance(message))
        return []

    @on(contracts.ServiceDelivered)
    def keep_delivery(self, tx: Transaction, message: Message[contracts.ServiceDelivered]) -> list[Draft]:
        """Somebody has received a service."""
        said = message.data
        rules.check_happened(said.zone, said.delivered_at, now=clock.now())
        together = said.jornada_id is not None or said.programme is not None
        rules.check_delivery(said.delivered_by, by=message.source, together=together)
        if said.jornada_id is not None and said.delivered_by != message.source:
            parties = jornadas.find_parties(tx, said.jornada_id)
            rules.check_takes_part(said.delivered_by, said.jornada_id, parties, by=message.source)
        facts.keep(tx, facts.DELIVERY, messages.delivery(message))
        return []

    @on(contracts.ServiceDeliveryStruckOut)
    def strike_out_delivery(self, tx: Transaction, message: Message[contracts.ServiceDeliveryStruckOut]) -> list[Draft]:
        """A delivery no longer counts, where the same organisation had reported it."""
        facts.keep(tx, facts.STRUCK_OUT, messages.struck_out(message))
        return []

    # -- needs, services and referrals ---------------------------------------------------------------------------------

    @on(contracts.NeedRecorded)
    def keep_need(self, tx: Transaction, message: Message[contracts.NeedRecorded]) -> list[Draft]:
        """Somebody lacks something."""
        facts.keep(tx, facts.NEED, messages.need(message))
        return []

    @on(contracts.ServicePublished)
    def keep_service(self, tx: Transaction, message: Message[contracts.ServicePublished]) -> list[Draft]:
        """An organisation offers a service, or no longer does."""
        said, owner = message.data, services.find_owner(tx, message.data.service_id)
        zones = {*said.zones, *said.eligibility.zones, *(one.zone for one in said.locations)}
        rules.check_publication(zones, owner=owner, by=message.source)
        services.keep(tx, messages.service(message))
        return []

    @on(contracts.ReferralRecorded)
    def keep_referral(self, tx: Transaction, message: Message[contracts.ReferralRecorded]) -> list[Draft]:
        """A referral has reached a state, and when."""
        facts.keep(tx, facts.REFERRAL, messages.referral(message))
        facts.keep(tx, facts.REFERRAL_STEP, messages.referral_step(message))
        return []

    @on(contracts.ReferralNoted)
    def keep_escalation(self, tx: Transaction, message: Message[contracts.ReferralNoted]) -> list[Draft]:
        """Coordinators were told that the recipient of a referral does not answer."""
        if rules.partners.escalates_recipient(message.data.what, message.data.state):
            facts.keep(tx, facts.REFERRAL_ESCALATED, messages.escalation(message.data))
        return []

    @on(contracts.ConsoleWasAway)
    def keep_absence(self, tx: Transaction, message: Message[contracts.ConsoleWasAway]) -> list[Draft]:
        """The hub's console was away from who answers by nothing else: that is not counted against them."""
        rules.check_absence(message.data.began_at, message.data.ended_at, now=clock.now())
        for row in messages.absences(message.data):
            facts.keep(tx, facts.AWAY, row)
        return []

    # -- work ----------------------------------------------------------------------------------------------------------

    @on(contracts.EmployerRecorded)
    def keep_employer(self, tx: Transaction, message: Message[contracts.EmployerRecorded]) -> list[Draft]:
        """An employer, and the programmes that it has agreed to hire through."""
        rules.check_speaks_for(message.data.organisation, by=message.source)
        facts.keep(tx, facts.EMPLOYER, messages.employer(message))
        return []

    @on(contracts.ParticipationRecorded)
    def keep_participation(self, tx: Transaction, message: Message[contracts.ParticipationRecorded]) -> list[Draft]:
        """Somebody's part in an employment programme."""
        rules.check_speaks_for(message.data.organisation, by=message.source)
        facts.keep(tx, facts.PARTICIPATION, messages.participation(message))
        return []

    @on(contracts.PlacementRecorded)
    def keep_placement(self, tx: Transaction, message: Message[contracts.PlacementRecorded]) -> list[Draft]:
        """Somebody works for an employer."""
        rules.check_speaks_for(message.data.organisation, by=message.source)
        rules.check_planned(message.data.starts_on, now=clock.now())
        facts.keep(tx, facts.PLACEMENT, messages.placement(message))
        return []

    @on(contracts.EntrepreneurRecorded)
    def keep_entrepreneur(self, tx: Transaction, message: Message[contracts.EntrepreneurRecorded]) -> list[Draft]:
        """How far somebody with a business of their own is."""
        rules.check_speaks_for(message.data.organisation, by=message.source)
        facts.keep(tx, facts.ENTREPRENEUR, messages.entrepreneur(message))
        return []
