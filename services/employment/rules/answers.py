"""How employment's rules say no, and not yet."""


class Refused(Exception):
    """A rule says no. `code` is what the sender is told; nothing of the message is applied."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooEarly(Exception):
    """Not possible yet: `what`, under the subject `key`, may be on its way. `code` refuses it if that never comes."""

    def __init__(self, what: str, key: str, code: str | None = None) -> None:
        self.what = what
        self.key = key
        self.code = code or f"{what}_unknown"
        super().__init__(self.code)
