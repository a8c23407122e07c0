"""One reader for each kind of value that people write. It reads the whole of a text or refuses it."""


class UnreadableValue(Exception):
    """A text that is no such value, or more than one: a code that says why, and never the text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
