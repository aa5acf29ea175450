"""Tests that share what is expensive stay together: each group has one worker of pytest-xdist (pytest 9.2 undid it unsaid)."""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process holds all groups")
@pytest.mark.xdist_group("kept-together")
def test_a_group_reaches_the_scheduler(request):
    assert request.node.nodeid.endswith("@kept-together")
