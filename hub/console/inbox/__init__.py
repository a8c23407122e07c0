"""Reads the inboxes of hosted organisations, and keeps what their screens need of it: sealed blocks as they came.

    gateway-http ──GET /v1/inbox──▶ reader of an organisation ──▶ delivered · sealed_block ──(committed)──▶ acknowledged

reading.py asks the gateway, reader.py goes on whatever is away, storing.py makes rows of messages and writes them.
"""
