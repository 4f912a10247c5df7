"""Many open pages come back after a restart of the web process. How fast is measured by hand: `-m benchmarks.herd`."""

import pytest

from benchmarks import herd

PAGES = 300


@pytest.mark.slow
def test_every_page_comes_back_and_others_are_answered_meanwhile(tmp_path):
    outcome = herd.run(PAGES, tmp_path)
    assert (len(outcome.returned), outcome.failures, outcome.visits.failed) == (PAGES, 0, 0)
    assert outcome.visits.took
    assert f"{PAGES} of {PAGES} pages came back" in str(outcome)
