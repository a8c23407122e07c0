"""What referrals keeps in PostgreSQL, one file for each subject."""

from services.referrals.store.chains import chain_after, chain_before, last_of, lock_referred_onward
from services.referrals.store.consents import end_consent, end_consents_of, lock_consent, record_consent
from services.referrals.store.directory import find_candidates, find_service, publish_service, state_capacity
from services.referrals.store.lines import join_line, lines_left, lock_moved, note_told, save_line
from services.referrals.store.referrals import (
    DUE_AT_ONCE,
    OTHER_OPEN_REFERRAL,
    check_reopening,
    forget_requests,
    history_of,
    insert_referral,
    languages_of,
    lock_due_referrals,
    lock_referral,
    lock_referrals_of,
    lock_referrals_under,
    outstanding_purges,
    request_of,
    save_referral,
)

__all__ = [
    "DUE_AT_ONCE",
    "OTHER_OPEN_REFERRAL",
    "chain_after",
    "chain_before",
    "check_reopening",
    "end_consent",
    "end_consents_of",
    "find_candidates",
    "find_service",
    "forget_requests",
    "history_of",
    "insert_referral",
    "join_line",
    "languages_of",
    "last_of",
    "lines_left",
    "lock_consent",
    "lock_due_referrals",
    "lock_moved",
    "lock_referral",
    "lock_referrals_of",
    "lock_referrals_under",
    "lock_referred_onward",
    "note_told",
    "outstanding_purges",
    "publish_service",
    "record_consent",
    "request_of",
    "save_line",
    "save_referral",
    "state_capacity",
]
