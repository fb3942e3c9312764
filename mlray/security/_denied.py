"""The refusal that an endpoint can turn into an HTTP answer."""

from mlray.errors import AccessDenied

__all__ = ["Denied"]


class Denied(AccessDenied):
    """Access denied, with what an HTTP answer needs: 401 who are you, 403 not you, 429 not now."""

    def __init__(self, problem: str, *, remedy: str, status: int, code: str, retry_after: float = 0.0) -> None:
        """Keep the HTTP `status`, a stable `code`, and after how many seconds asking again makes sense."""
        super().__init__(problem, remedy=remedy)
        self.status = status
        self.code = code
        self.retry_after = retry_after
