"""Referrals: their states, who may move them, their deadlines, and who is told."""
