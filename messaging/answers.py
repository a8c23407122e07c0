"""What a rule says when it does not say yes. Services' rules raise these, and import nothing else of ours."""


class Refused(Exception):
    """A rule says no. `code` is what the sender is notified of; nothing of the message is applied.

    `where` is the field to blame, as a dotted path, where one is.
    """

    def __init__(self, code: str, where: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.where = where


class MissingPrerequisite(Exception):
    """Out of order: `what`, under the subject `key`, may be on its way. `code` refuses it if that never comes."""

    def __init__(self, what: str, key: str, code: str | None = None) -> None:
        self.what = what
        self.key = key
        self.code = code or f"{what}_unknown"
        super().__init__(self.code)
