"""A supervisor knows that whoever asked is ending before the kernel gives it another parent, and then clears up."""

import os
import signal
import subprocess
import sys
import time

import pytest

from hessbench._processes import supervisor
from hessbench._processes.contain import SUPERVISOR

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is ending")
PATCHED = """
import os, runpy, sys
me, parent, real = os.getpid(), os.getppid(), os.getppid
os.getppid = lambda: parent if os.getpid() == me else real()  # as for a moment after the parent's descriptors are closed
{change}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
ASKER = """
import os, signal, subprocess, sys, time
folder, patched, script = sys.argv[1:4]
read, write = os.pipe()
command = [sys.executable, "-c", patched, script, folder, "0", "0", str(read), str(os.getpid()), "0"]
command += [sys.executable, "-I", "-S", "-c", "import sys, time; open(sys.argv[1], 'w'); time.sleep(1000)", folder + "/began"]
subprocess.Popen(command, pass_fds=(read,), start_new_session=True)
os.close(read)
while not os.path.exists(folder + "/began"):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


def left_behind(tmp_path, change=""):
    """Whether the folder of a killed asker is still there, five seconds later or as soon as it is gone."""
    folder = tmp_path / "folder"
    folder.mkdir()
    patched = PATCHED.format(change=change)
    done = subprocess.run([sys.executable, "-c", ASKER, str(folder), patched, str(SUPERVISOR)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + (5 if change else 60)
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return folder.exists()


def test_what_a_killed_asker_had_is_cleared_up_before_it_has_another_parent(tmp_path):
    assert not left_behind(tmp_path)


def test_one_that_waits_for_another_parent_leaves_it(tmp_path):
    """Planted: no look at the flags."""
    hide = "import builtins; read = open\nbuiltins.open = lambda name, *a, **k: read('/proc/self/stat' if '/stat' in str(name) "
    hide += "else name, *a, **k)"
    assert left_behind(tmp_path, hide)


def test_who_is_ending():
    assert not supervisor.ending(os.getpid())
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended and is not yet waited for
    assert supervisor.ending(child.pid)
    child.wait()
    assert supervisor.ending(child.pid)
