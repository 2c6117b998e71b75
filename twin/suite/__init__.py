"""Suites: every scenario × seed is a unit, runs in a worker process, and is judged; what is finished is never run twice.

    find ─▶ plan ─▶ pool ─▶ results ─▶ junit, summary, annotations

A unit's run folder lies under a digest of all that decides its result and is not in the scenario's own digest: assets, the
files that the user's code imports, the twin itself, the kind of processor. So a stored result can only be met again by the
same unit, and an edit of any of these runs it anew.
"""
