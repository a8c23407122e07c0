"""The events service: one method for each message it handles."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message
from messaging import clock, erasure
from messaging.identity import Identity
from messaging.on import batches, on
from messaging.transaction import Transaction
from services.events import messages, rules, store

IDENTITY = Identity.from_environment()


def speaker(organisation: str) -> str | None:
    """Return on whose behalf what happened there is said: the recorder's; an organisation's own copy says it itself.

    That copy takes from others no more than who was there and which services they received.
    """
    return None if IDENTITY.organisation else organisation


class EventsService:
    """Owns jornadas and who attends them."""

    name = "events"
    receive = batches("events")

    # -- jornadas ------------------------------------------------------------------------------------------------------

    @on(contracts.JornadaPlanned)
    def plan_jornada(self, tx: Transaction, message: Message[contracts.JornadaPlanned]) -> list[Draft]:
        """An organisation plans a jornada, or changes the plan of one that has not been held."""
        said = message.data
        before = store.jornadas.find_jornada(tx, said.jornada_id)
        jornada = rules.jornadas.plan(
            before,
            said.jornada_id,
            messages.jornadas.plan(said),
            organiser=said.organiser,
            by=message.source,
            at=clock.now(),
        )
        store.jornadas.save_jornada(tx, jornada, "planned", message)
        return messages.jornadas.statuses(jornada, before)

    @on(contracts.JornadaPartnerConfirmed)
    def confirm_partner(self, tx: Transaction, message: Message[contracts.JornadaPartnerConfirmed]) -> list[Draft]:
        """A partner confirms that it comes, and what it brings."""
        jornada = store.jornadas.lock_jornada(tx, message.data.jornada_id)
        jornada = rules.jornadas.confirm_partner(jornada, message.data.brings, by=message.source, at=clock.now())
        store.jornadas.save_jornada(tx, jornada, "partner_confirmed", message)
        return messages.jornadas.statuses(jornada)

    @on(contracts.JornadaConfirmed)
    def confirm_jornada(self, tx: Transaction, message: Message[contracts.JornadaConfirmed]) -> list[Draft]:
        """The organiser confirms that it takes place as planned."""
        jornada = store.jornadas.lock_jornada(tx, message.data.jornada_id)
        jornada = rules.jornadas.confirm(jornada, by=message.source, at=clock.now())
        store.jornadas.save_jornada(tx, jornada, "confirmed", message)
        return messages.jornadas.statuses(jornada)

    @on(contracts.JornadaHeld)
    def hold_jornada(self, tx: Transaction, message: Message[contracts.JornadaHeld]) -> list[Draft]:
        """It has taken place; attendance may still arrive."""
        jornada = store.jornadas.lock_jornada(tx, message.data.jornada_id)
        jornada = rules.jornadas.hold(jornada, message.data.held_at, by=message.source, at=clock.now())
        store.jornadas.save_jornada(tx, jornada, "held", message)
        return messages.jornadas.statuses(jornada)

    @on(contracts.JornadaReported)
    def report_jornada(self, tx: Transaction, message: Message[contracts.JornadaReported]) -> list[Draft]:
        """The organiser has sent all attendance; what comes later is late."""
        jornada = store.jornadas.lock_jornada(tx, message.data.jornada_id)
        jornada = rules.jornadas.report(jornada, by=message.source, at=clock.now())
        store.jornadas.save_jornada(tx, jornada, "reported", message)
        return messages.jornadas.statuses(jornada)

    @on(contracts.JornadaCancelled)
    def cancel_jornada(self, tx: Transaction, message: Message[contracts.JornadaCancelled]) -> list[Draft]:
        """It does not take place."""
        jornada = store.jornadas.lock_jornada(tx, message.data.jornada_id)
        attended = store.jornadas.has_attendance(tx, jornada.jornada_id)
        jornada = rules.jornadas.cancel(
            jornada, message.data.reason, attended=attended, by=message.source, at=clock.now()
        )
        store.jornadas.save_jornada(tx, jornada, "cancelled", message)
        return messages.jornadas.statuses(jornada)

    # -- attendance ----------------------------------------------------------------------------------------------------

    @on(contracts.AttendanceRecorded)
    def record_attendance(self, tx: Transaction, message: Message[contracts.AttendanceRecorded]) -> list[Draft]:
        """A person came to a jornada; what happened for them there is passed on."""
        data, now = message.data, clock.now()
        jornada = store.jornadas.lock_jornada(tx, data.jornada_id)
        known = store.attendance.find_attendance(tx, data.attendance_id)
        person = store.attendance.find_person(tx, data.person_id)
        said = messages.attendance.said(data)
        change = rules.attendance.record(
            said, jornada, known, person, by=message.source, only_sender=IDENTITY.organisation
        )
        origin = messages.attendance.origin(data)
        store.attendance.save_attendance(tx, change.attendance, "recorded", message, at=now, details=origin)
        return messages.attendance.happened(change, jornada, data, speaker=speaker(message.source))

    @on(contracts.AttendanceCorrected)
    def correct_attendance(self, tx: Transaction, message: Message[contracts.AttendanceCorrected]) -> list[Draft]:
        """What was said of an attendance is replaced; the difference is passed on."""
        data, now = message.data, clock.now()
        jornada = store.jornadas.lock_jornada(tx, data.jornada_id)
        known = store.attendance.lock_attendance(tx, data.attendance_id)
        person = store.attendance.find_person(tx, data.person_id)
        said = messages.attendance.said(data)
        change = rules.attendance.correct(
            said, jornada, known, person, by=message.source, only_sender=IDENTITY.organisation
        )
        replaced = store.attendance.as_details(known)
        store.attendance.save_attendance(tx, change.attendance, "corrected", message, at=now, details=replaced)
        return messages.attendance.happened(change, jornada, data, speaker=speaker(message.source))

    @on(contracts.AttendanceStruckOut)
    def strike_out_attendance(self, tx: Transaction, message: Message[contracts.AttendanceStruckOut]) -> list[Draft]:
        """An attendance that was sent in should not have been."""
        data, by = message.data, message.source
        jornada = store.jornadas.lock_jornada(tx, data.jornada_id)
        known = store.attendance.lock_attendance(tx, data.attendance_id)
        change = rules.attendance.strike_out(known, jornada, organiser=data.organiser, reason=data.reason, by=by)
        store.attendance.save_attendance(tx, change.attendance, "struck_out", message, at=clock.now())
        return messages.attendance.struck_out(change, jornada, data, by=by, speaker=speaker(known.recorded_by))

    @on(contracts.PersonErased)
    def erase_person(self, tx: Transaction, message: Message[contracts.PersonErased]) -> list[Draft]:
        """Intake has erased a person: what is left is that somebody was present."""
        store.attendance.erase_person(tx, message.data.person_id)
        erasure.forget(tx, [message.data.person_id])
        return []
