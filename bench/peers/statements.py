"""The SQL of both peers: one transaction for each message."""

REGISTER = "insert into inbox (source, message_id, digest) values (%s, %s, %s) on conflict do nothing"

SAVE_REFERRAL = """
    insert into referral (
        referral_id, sender, recipient, service_id, person_id, urgency, need_code, consent_id, state, sequence, sealed,
        requested_at)
    values (
        %(referral_id)s, %(sender)s, %(recipient)s, %(service_id)s, %(person_id)s, %(urgency)s, %(need_code)s,
        %(consent_id)s, %(state)s, %(sequence)s, %(sealed)s, %(requested_at)s)
"""

WRITE_ANSWER = "insert into outbox (routing_key, message_id, body) values (%s, %s, %s) returning position"

# What has been published and confirmed leaves with the next message's transaction; that saves the peers a commit for
# each message, and what a killed process did not get to is still there to be published again.
FORGET_PUBLISHED = "delete from outbox where position = any(%s)"

# What no living process is about to publish.
BACKLOG = """
    select position, routing_key, message_id::text, body from outbox
    where recorded_at < now() - interval '10 seconds' order by position limit 100
"""
SWEEP_EVERY = 5  # seconds
