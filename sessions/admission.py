"""How many sessions there may be, over all transports and kinds of stream."""

__all__ = ["Admission", "ServerFullError"]


class ServerFullError(Exception):
    """There are as many sessions as there may be.

    Attributes:
        limit: how many that is.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"the gateway holds as many sessions as it may ({limit}); try again later")
        self.limit = limit


class Admission:
    """Counts the sessions that are open; one object for the whole process."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.active = 0
        self.refused = 0

    def __repr__(self) -> str:
        return f"<Admission {self.active}/{self.limit} refused={self.refused}>"

    def check(self) -> None:
        """Refuse a session that there is no place for, before anything is made for it.

        Raises:
            ServerFullError: there is none; counted as refused.
        """
        if self.active >= self.limit:
            self.refused += 1
            raise ServerFullError(self.limit)

    def enter(self) -> None:
        """Take a place.

        Raises:
            ServerFullError: as ``check``.
        """
        self.check()
        self.active += 1

    def leave(self) -> None:
        """Give a place back; once per ``enter``."""
        self.active -= 1
