"""Intake: the people the network serves, what they consent to, and what they need."""
