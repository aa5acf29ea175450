"""The process between one that asks and the process it asks for: it ends that process with everything that it started.

    python -I -S supervisor.py FOLDER LIMIT GENTLE WATCH ASKER RECORDS COMMAND...

It runs COMMAND in a session of its own and ends when COMMAND does, has reported `done`, has run for LIMIT seconds (0: no
limit) or sends SIGUSR1, by which its time is up, or when nobody asks any more: WATCH, a pipe of the process ASKER, was
closed. Then COMMAND gets SIGINT and GENTLE seconds, and in the end every process that descends from it is killed. On Linux
that includes those that called `setsid` or whose parents have ended, because a subreaper inherits them; elsewhere it is the
process group, and the asker looks further.

RECORDS = 1: the last argument of COMMAND is a descriptor on which it reports lines `{"stage": ...`; they are passed on to
standard output, behind them `{"ended": why, "status": ..., "left": [names of processes that were still there]}`. Everything
else that comes down the descriptor is dropped. RECORDS = 0: COMMAND writes to this process's own output, and its exit
status is this one's.

Started by path, standard library only and little of that: 15 ms.
"""

import os
import select
import signal
import sys
import time

LONGEST = 2**20  # bytes of a line that is passed on
MOST_READS = 64  # of 64 KiB: what a pipe may hold
EXIT_S = 2.0  # what a process that is done may take to end by itself (its `atexit`)
KILL_S = 5.0  # what killed processes may take to be gone
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PF_EXITING = 4  # of the flags in /proc/PID/stat
SETTLE_S = 0.2  # what the helpers of a process that has ended may take to notice


class Supervisor:
    """State of one run: `child`, its exit status once it has ended, whether somebody asked to stop, whether it is done."""

    def __init__(self, out: int = 1) -> None:
        self.out = out  # the descriptor for whoever asks
        self.child, self.status, self.stop, self.done, self.part = 0, None, False, False, b""
        self.late = False
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.pipe = self.wake, write = os.pipe()
        os.set_blocking(write, False)
        os.set_blocking(self.wake, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, self._asked)
        signal.signal(signal.SIGUSR1, self._time_is_up)

    def _asked(self, *_: object) -> None:
        self.stop = True

    def _time_is_up(self, *_: object) -> None:
        self.late = True

    def start(self, command: list[str], records: bool) -> int:
        """Start COMMAND; returns the descriptor that its reports can be read from, -1 without."""
        read, write = self.fork(records)
        if self.child:
            return read
        try:
            if records:
                os.set_inheritable(write, True)
                command = [*command, str(write)]
            os.execv(command[0], command)
        finally:
            os._exit(127)

    def fork(self, records: bool) -> "tuple[int, int]":
        """Fork into a session of its own, without input and, with `records`, without output.

        Returns descriptors: in this process what the reports of the new one can be read from, and -1; in the new one, where
        `child` is 0, -1 and what it reports on.
        """
        read, write = os.pipe() if records else (-1, -1)
        me = os.getpid()
        self.child = os.fork()
        if self.child:
            if records:
                os.close(write)
                os.set_blocking(read, False)
            return read, -1
        try:
            os.setsid()
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            null = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2) if records else (0,):
                os.dup2(null, number)
            os.close(null)
            if records:
                os.close(read)
            if os.getppid() != me:  # it ended before it could take its child along
                os._exit(127)
        except OSError:
            os._exit(127)
        return -1, write

    def let_go(self) -> None:
        """In a forked process that runs no other program: signals do what they do at a program's start."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.close()

    def close(self) -> None:
        """Close what this object holds; another one may take its place."""
        signal.set_wakeup_fd(-1)
        for number in self.pipe:
            os.close(number)

    def watch(self, read: int, watch: int, asker: int, limit: float, gentle: float) -> "tuple[str, int, list[str]]":
        """Wait for a reason to end, then end everything; returns why, the exit status, and who was still there."""
        left: list[str] = []
        try:
            why = self.wait(read, watch, asker, limit)
            if why == "asked":
                self.interrupt(gentle)
        finally:
            left = self.end_all()
        return why, -signal.SIGKILL if self.status is None else self.status, left

    def wait(self, read: int, watch: int, asker: int, limit: float) -> str:
        """Pass reports on until there is a reason to end: `exit`, `done`, `limit` or `asked`."""
        end = time.monotonic() + limit if limit else float("inf")
        sources = [self.wake, watch] + ([read] if read >= 0 else [])
        while True:
            self.reap()
            if self.status is not None:
                self.drain(read, sources)
                return "done" if self.done else "exit"
            left = end - time.monotonic()
            if left <= 0 or self.late:
                self.drain(read, sources)
                return "done" if self.done else "limit"
            ready = select.select(sources, [], [], min(left, 1.0))[0]
            if self.stop or watch in ready or os.getppid() != asker:
                return "asked"
            if read in ready and not self.done:
                if not self.pass_on(read):
                    sources.remove(read)  # closed by COMMAND and all that have it: nothing more will come
                if self.done:
                    sources.remove(read)
                    end = min(end, time.monotonic() + EXIT_S)

    def drain(self, read: int, sources: list[int]) -> None:
        """Pass on what was reported until now; not more than a pipe holds, which somebody may fill again and again."""
        for _ in range(MOST_READS):
            if read not in sources or self.pass_on(read) <= 0:
                break

    def pass_on(self, read: int) -> int:
        """Pass complete lines on, until the one that says `done`; returns bytes read: 0 at the end, -1 where none are there."""
        try:
            chunk = os.read(read, 65536)
        except BlockingIOError:
            return -1
        *lines, self.part = (self.part + chunk).split(b"\n")
        self.part = self.part[:LONGEST]
        for line in lines:
            if line.startswith(b'{"stage": "') and len(line) < LONGEST and not self.done:
                say(self.out, line)
                self.done = line.startswith(b'{"stage": "done"')
        return len(chunk)

    def reap(self) -> bool:
        """Collect processes that have ended, also adopted ones; whether any child is left."""
        try:
            while os.read(self.wake, 4096):
                pass
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.status = os.waitstatus_to_exitcode(status)

    def sleep(self, seconds: float) -> None:
        """Until a child ends, at most so long."""
        select.select([self.wake], [], [], seconds)

    def interrupt(self, seconds: float) -> None:
        """SIGINT to COMMAND, and time to end by itself."""
        end = time.monotonic() + seconds
        if seconds and self.status is None:
            os.kill(self.child, signal.SIGINT)
            while self.reap() and self.status is None and time.monotonic() < end:
                self.sleep(0.2)

    def end_all(self) -> list[str]:
        """Kill all descendants until none is left; names of those that outlived COMMAND, or were there beside it."""
        settled, end = time.monotonic() + SETTLE_S, time.monotonic() + KILL_S
        while self.reap() and self.status is not None and descendants(os.getpid()) and time.monotonic() < settled:
            self.sleep(0.02)
        names = [name for pid, name in descendants(os.getpid()).items() if pid != self.child]
        while True:
            family = descendants(os.getpid())
            for pid in family:
                kill(pid)
            if not family:
                kill(-self.child)  # no /proc: the process group
            if not self.reap() or time.monotonic() > end:
                return names
            self.sleep(0.01)


def prctl(option: int, value: int) -> None:
    """Linux only; nothing elsewhere."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def kill(pid: int) -> None:
    """SIGKILL to a process or (negative) group that may be gone."""
    try:  # noqa: SIM105 (`contextlib` would take longer to import than everything here)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def descendants(pid: int) -> "dict[int, str]":
    """Processes below `pid` that have not ended, with their names, as `/proc` tells; none where there is no `/proc`."""
    below: dict[int, list[tuple[int, str, str]]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:
                    start, _, rest = file.read().decode(errors="replace").rpartition(")")
            except OSError:
                continue  # it has ended
            state, parent = rest.split()[:2]
            below.setdefault(int(parent), []).append((int(entry), start.partition("(")[2], state))
    found: dict[int, str] = {}
    todo = [pid]
    while todo:
        for child, name, state in below.get(todo.pop(), []):
            todo.append(child)
            if state not in "ZX":
                found[child] = "".join(c if c.isalnum() or c in "-_." else "?" for c in name)
    return found


def say(out: int, line: bytes) -> None:
    """A line to whoever asked, who may be gone."""
    line += b"\n"
    try:
        while line:
            line = line[os.write(out, line) :]
    except OSError:
        pass


def ending(pid: int) -> bool:
    """Whether a process is gone or on its way: the kernel closes its descriptors before its children get another parent."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            flags = int(file.read().rpartition(b")")[2].split()[6])
    except OSError:
        return os.path.exists("/proc/self/stat")
    return bool(flags & PF_EXITING)


def ended(why: str, status: int, left: "list[str]") -> bytes:
    """The last line of a run."""
    names = ", ".join(f'"{name}"' for name in left)
    return f'{{"ended": "{why}", "status": {status}, "left": [{names}]}}'.encode()


def main() -> None:
    """See the module's documentation."""
    folder, limit, gentle, watch, asker, records = sys.argv[1:7]
    os.set_inheritable(int(watch), False)
    run = Supervisor()
    read = run.start(sys.argv[7:], records == "1")
    why, status, left = run.watch(read, int(watch), int(asker), float(limit), float(gentle))
    if os.getppid() != int(asker) or ending(int(asker)):
        import shutil

        shutil.rmtree(folder, ignore_errors=True)  # whoever asked does it otherwise, and counts what was left
    if records == "1":
        say(1, ended(why, status, left))
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
