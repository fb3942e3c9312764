"""At most one version is live and at most one on trial, and never the same one, whatever is asked in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from mlray.errors import MlrayError
from mlray.registry import ALIASES, move

wish = st.tuples(st.sampled_from(ALIASES), st.none() | st.integers(1, 5))


@given(st.lists(wish, max_size=30), st.integers(0, 4))
def test_aliases_stay_apart(wishes, versions):
    aliases: dict[str, int] = {}
    known = list(range(1, versions + 1))
    for alias, number in wishes:
        before = dict(aliases)
        try:
            steps = move(aliases, known, alias, number)
        except MlrayError:
            assert aliases == before
            continue
        for step in steps:
            if step.number is None:
                del aliases[step.alias]
            else:
                aliases[step.alias] = step.number
            # Also between two steps, since somebody may look just then.
            assert len(set(aliases.values())) == len(aliases)
        assert aliases.get(alias) == number
        assert set(aliases.values()) <= set(known)
