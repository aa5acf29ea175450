"""Many points: threads of one process against two processes, and against one call after the other.

    OMP_NUM_THREADS=1 python -m benchmarks.batch [POINTS]

Throughput of `Prepared.batch`, which takes two threads where that pays, over that of two processes that take half of the points
each (each waits for the other before it starts), and over a loop of calls; medians of rounds that take turns, wall time. On two
processors that nothing else uses.
"""

import sys
import time
from multiprocessing import get_context
from statistics import median

import numpy as np

import hessbench

PROBLEMS = {"three-body": 1e-9, "lotka-volterra": 1e-8, "neural-ode": 1e-6, "sir": 1e-8}
ROUNDS = 9


def points(problem, count):
    """`count` points within a per cent of the problem's own."""
    return problem.x0 * (1 + 1e-2 * np.random.default_rng(0).standard_normal((count, problem.x0.size)))


def half(name, rtol, count, start, pipe):
    """A process: takes `count` points whenever it is told to."""
    problem = hessbench.problem(name)
    prepared, x = hessbench.prepare(problem, "discrete-adjoint", rtol=rtol), points(problem, 2 * count)[start::2]
    prepared(x[0])
    pipe.send(None)
    while pipe.recv():
        for row in x:
            prepared.direct(row)
        pipe.send(None)


def seconds(call):
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(name, rtol, count):
    """Microseconds for each point: two threads, two processes, one after the other."""
    problem, context = hessbench.problem(name), get_context("spawn")
    prepared, x = hessbench.prepare(problem, "discrete-adjoint", rtol=rtol), points(problem, count)
    pipes = []
    for start in (0, 1):
        ours, theirs = context.Pipe()
        context.Process(target=half, args=(name, rtol, count // 2, start, theirs), daemon=True).start()
        pipes.append(ours)

    def answered():
        for pipe in pipes:
            pipe.recv()

    def both():
        for pipe in pipes:
            pipe.send(True)
        answered()

    def singly():
        for row in x:
            prepared.direct(row)

    answered()
    taken = [[seconds(call) for call in (lambda: prepared.batch(x), both, singly)] for _ in range(ROUNDS)]
    for pipe in pipes:
        pipe.send(False)
    return [median(times) / count * 1e6 for times in zip(*taken, strict=True)]


def main(count="1000"):
    print("| problem | batch, us | two processes, us | singly, us | throughput over two processes | over singly |")
    print("|---|---|---|---|---|---|")
    for name, rtol in PROBLEMS.items():
        threads, processes, singly = compare(name, rtol, int(count))
        print(
            f"| {name} | {threads:.0f} | {processes:.0f} | {singly:.0f} | {processes / threads:.2f} | {singly / threads:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
