"""What may happen to a referral, who may make it happen, and by when: pure decisions; time is an argument."""

from services.referrals.rules.answering import (
    accept,
    decline,
    provide_info,
    receive,
    redirect,
    request_info,
    waitlist,
)
from services.referrals.rules.answers import Refused, TooEarly
from services.referrals.rules.chains import Link, ends_chain, go_on, has_ended, hear_of_end, refer_onward
from services.referrals.rules.clocks import PURGE_WITHIN, Action, Clock, StoppedClock, Urgency
from services.referrals.rules.directory import Capacity, CapacityState, Eligibility, Service, state_capacity
from services.referrals.rules.eligibility import Seeker, Verdict, check_eligibility
from services.referrals.rules.lines import Line, Place, close_ranks, left_line, move_up
from services.referrals.rules.ranking import SUGGESTED_AT_MOST, Candidate, Ranked, alternatives, rank
from services.referrals.rules.referrals import Referral, Step, decision_in, not_a_party
from services.referrals.rules.sending import Consent, Override, latest_answer, send
from services.referrals.rules.serving import (
    cancel_visit,
    close,
    complete,
    note_service,
    reopen,
    report_no_show,
    schedule,
    start_service,
)
from services.referrals.rules.states import ENDED, MOVES, OPEN, UNDECIDED, Actor, State, check_move
from services.referrals.rules.stopping import (
    confirm_cancel,
    enter_in_error,
    erase,
    record_purge,
    request_cancel,
    withdraw_consent,
)
from services.referrals.rules.timing import awaited, may_be_met_elsewhere, run_clock, seeks_alternatives

__all__ = [
    "ENDED",
    "MOVES",
    "OPEN",
    "PURGE_WITHIN",
    "SUGGESTED_AT_MOST",
    "UNDECIDED",
    "Action",
    "Actor",
    "Candidate",
    "Capacity",
    "CapacityState",
    "Clock",
    "Consent",
    "Eligibility",
    "Line",
    "Link",
    "Override",
    "Place",
    "Ranked",
    "Referral",
    "Refused",
    "Seeker",
    "Service",
    "State",
    "Step",
    "StoppedClock",
    "TooEarly",
    "Urgency",
    "Verdict",
    "accept",
    "alternatives",
    "awaited",
    "cancel_visit",
    "check_eligibility",
    "check_move",
    "close",
    "close_ranks",
    "complete",
    "confirm_cancel",
    "decision_in",
    "decline",
    "ends_chain",
    "enter_in_error",
    "erase",
    "go_on",
    "has_ended",
    "hear_of_end",
    "latest_answer",
    "left_line",
    "may_be_met_elsewhere",
    "move_up",
    "not_a_party",
    "note_service",
    "provide_info",
    "rank",
    "receive",
    "record_purge",
    "redirect",
    "refer_onward",
    "reopen",
    "report_no_show",
    "request_cancel",
    "request_info",
    "run_clock",
    "schedule",
    "seeks_alternatives",
    "send",
    "start_service",
    "state_capacity",
    "waitlist",
    "withdraw_consent",
]
