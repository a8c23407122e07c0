"""The console's read service: one method for each kind of fact that its screens show. It asks for facts, if need be."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from datetime import datetime, timedelta
from typing import Final

import contracts
from contracts import Draft, Message
from contracts.codes import NoteKind, ReferralEvent
from contracts.deadlines import AWAY_AT_MOST
from contracts.transitions import ENDED
from hub.console import messages, presence
from hub.console.store import anew, facts
from messaging import clock, erasure, rebuilding
from messaging.health import health
from messaging.on import batches, every, on
from messaging.transaction import Transaction

ASKS: Final = ("intake", "referrals")
"""Whose facts it keeps."""
HERE: Final = presence.Presence(presence.READER)


class ConsoleService:
    """Keeps what the console shows of cases, in tables of its own. Of a confidential case it keeps nothing."""

    name = "console"
    receive = batches("console")

    @on(contracts.ReferralRecorded)
    def keep_referral(self, tx: Transaction, message: Message[contracts.ReferralRecorded]) -> list[Draft]:
        """A referral has reached a state, and when."""
        if messages.is_shown(message.data):
            facts.keep(tx, facts.REFERRAL, messages.referral(message))
            facts.keep(tx, facts.STEP, messages.step(message))
            facts.keep(tx, facts.MOVED_ON, messages.moved_on(message.data))
            for link in messages.links(message.data):
                facts.keep(tx, facts.LINK, link)
        return []

    @on(contracts.ReferralNoted)
    def keep_event(self, tx: Transaction, message: Message[contracts.ReferralNoted]) -> list[Draft]:
        """Something has happened to a referral that moves it nowhere: it was escalated, say."""
        if not message.data.confidential:
            facts.keep(tx, facts.EVENT, messages.event(message))
            # Of what has ended only a purge is escalated, and a purge that is late is found by its date.
            if message.data.what is ReferralEvent.ESCALATED and message.data.state not in ENDED:
                facts.keep(tx, facts.ESCALATION, messages.escalation(message.data))
            # Another note is a colleague's as often as not, and takes back nothing that was promised.
            if message.data.what is ReferralEvent.NOTE_ADDED and message.data.note_kind is NoteKind.CALL:
                facts.keep(tx, facts.CALL_BACK, messages.call_back(message.data))
            if message.data.what is ReferralEvent.PURGE_OWED:
                for asked in messages.purges_asked(message.data):
                    facts.keep(tx, facts.PURGE_ASKED, asked)
            if message.data.what is ReferralEvent.PURGED:
                facts.keep(tx, facts.PURGE_RECEIPT, messages.purge_receipt(message.data))
            if message.data.what is ReferralEvent.PURGED and not message.data.awaited:
                facts.keep(tx, facts.MOVED_ON, messages.purged(message.data))
        return []

    @on(contracts.ServiceRecorded)
    def keep_service(self, tx: Transaction, message: Message[contracts.ServiceRecorded]) -> list[Draft]:
        """What a service is called, and whether it can take people on."""
        facts.keep(tx, facts.SERVICE, messages.service(message.data))
        return []

    @on(contracts.NeedRecorded)
    def keep_triage(self, tx: Transaction, message: Message[contracts.NeedRecorded]) -> list[Draft]:
        """Whose trained staff has looked at a need, and how urgent they found it."""
        if message.data.person_id is not None and message.data.triaged_by is not None:
            facts.keep(tx, facts.TRIAGE, messages.triage(message.data))
        return []

    @on(contracts.ConsentRecorded)
    def keep_consent(self, tx: Transaction, message: Message[contracts.ConsentRecorded]) -> list[Draft]:
        """What a person allows, to whom, and until when."""
        if message.data.person_id is not None:
            facts.keep(tx, facts.CONSENT, messages.consent(message.data))
        return []

    @on(contracts.ConsentSuspended)
    def keep_suspension(self, tx: Transaction, message: Message[contracts.ConsentSuspended]) -> list[Draft]:
        """Somebody says that the person has taken a consent back."""
        if not message.data.confidential:
            facts.keep(tx, facts.SUSPENSION, messages.standing(message.data))
        return []

    @on(contracts.ConsentResumed)
    def keep_resumption(self, tx: Transaction, message: Message[contracts.ConsentResumed]) -> list[Draft]:
        """The person has not taken it back."""
        if not message.data.confidential:
            facts.keep(tx, facts.RESUMPTION, messages.standing(message.data))
        return []

    @on(contracts.ConsentEnded)
    def keep_end(self, tx: Transaction, message: Message[contracts.ConsentEnded]) -> list[Draft]:
        """A consent no longer holds: taken back, by whom and through whom, or its time is over."""
        if not message.data.confidential:
            facts.keep(tx, facts.END_OF_CONSENT, messages.standing(message.data))
        return []

    @on(contracts.PersonErased)
    def erase_person(self, tx: Transaction, message: Message[contracts.PersonErased]) -> list[Draft]:
        """A person's data is erased: their cases lead to nobody any more."""
        facts.keep(tx, facts.ERASURE, messages.erasure(message))
        facts.keep(tx, facts.FORGET, messages.forgetting(message))
        erasure.forget(tx, [message.data.person_id])
        return []

    @every(timedelta(seconds=presence.EVERY))
    def be_here(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Say that what is recorded comes to be seen, and until when; tell the hub when it, or another part, was away.

        Whose staff wait for it, the console's other processes know.
        """
        tx.fetch(presence.SAY, HERE.values(now, None, health.read_to))
        HERE.said()
        untold = tx.fetch(presence.TELL, {"now": now, "at_most": AWAY_AT_MOST})
        return [draft for row in untold for draft in messages.was_away(row)]

    # -- facts again ---------------------------------------------------------------------------------------------------

    @every(timedelta(seconds=1))
    def ask_for_facts(self, tx: Transaction, now: datetime) -> list[Draft]:
        """Where its tables are to be filled anew (`./ruta rebuild console`), ask each service for its facts."""
        asked = rebuilding.ask(tx, now, of=ASKS, empty=anew.empty)
        return [messages.facts_asked(one, reader=self.name) for one in asked]

    @on(contracts.FactsSaid)
    def keep_facts(self, tx: Transaction, message: Message[contracts.FactsSaid]) -> list[Draft]:
        """A service says some of its facts again, because it was asked."""
        told, asked = rebuilding.keep(self, tx, message, clock.now())
        anew.settle(tx, {one.data.referral_id for one in told if hasattr(one.data, "referral_id")})
        return [messages.facts_asked(one, reader=self.name) for one in asked]
