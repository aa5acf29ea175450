"""Tests that share what is expensive stay together: each group has one worker of pytest-xdist (pytest 9.2 undid it unsaid)."""

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process holds all groups")
@pytest.mark.xdist_group("kept-together")
def test_a_group_reaches_the_scheduler(request):
    assert request.node.nodeid.endswith("@kept-together")


@pytest.fixture(scope="module")
def shared():
    return os.getpid()


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process holds all groups")
@pytest.mark.parametrize("turn", range(4))
def test_a_fixture_of_a_module_keeps_its_tests_together(request, shared, turn):
    assert request.node.nodeid.endswith(f"@{request.path}")
