"""Who answers a request: the live version or the candidate. Pure, and the same in every replica."""

from hashlib import blake2b

from mlray.records import Endpoint, Stage

__all__ = ["goes_to_candidate"]


def goes_to_candidate(endpoint: Endpoint, request_id: str) -> bool:
    """Return whether the candidate answers this request.

    The same request id always goes to the same side, and a growing share only moves requests towards the candidate.
    The candidate's number is part of the hash, so that it is not always the same callers who try out new models.

    >>> trial = Endpoint("flights", "", live=1, candidate=2, stage=Stage.CANARY, share=0.5)
    >>> sum(goes_to_candidate(trial, str(request)) for request in range(1000))
    482
    """
    if endpoint.stage is not Stage.CANARY or endpoint.candidate is None or endpoint.live is None:
        return False
    text = f"{endpoint.name}:{endpoint.candidate}:{request_id}"
    position = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return position < endpoint.share * 2**64
