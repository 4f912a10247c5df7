"""Tests that share a shop run in one process: with an xdist that forgets groups, each process would open its own."""

import os

import pytest


@pytest.mark.xdist_group("shop")
def test_xdist_knows_the_group(request):
    """The scheduler reads the group from the test's name (--dist loadgroup)."""
    if "PYTEST_XDIST_WORKER" not in os.environ or not request.config.getvalue("loadgroup"):
        pytest.skip("One process runs all tests, or they are not distributed by groups.")
    assert request.node.nodeid.endswith("@shop")
