"""Data at many times, doses, events and switches: what makes a solution smooth in pieces only.

`segments` is the list of pieces and of what stands between them; `march` finds it for a point; `lifting` turns any strategy
for one smooth piece into one for the whole. `data` and `events` are what users write; `switched` is the right-hand side with
its switches, found by recording it.
"""
