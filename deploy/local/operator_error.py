"""What went wrong, in one sentence for the person at the keyboard."""


class OperatorError(Exception):
    """Something the operator must know or do; its text is one sentence, shown without a traceback."""
