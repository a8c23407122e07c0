"""Receipts of consents: what a person takes home of what they allowed, and how to take it back."""

from tools.receipts.page import receipt_page

__all__ = ["receipt_page"]
