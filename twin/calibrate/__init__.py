"""Calibration: real logs in, an overlay on the fleet file and a report out.

A plan (`spec.py`) names logs, how their columns map to signals, and parts. Every part is a sub-package with its own spec
and one entry, `fit(spec, given) -> PartResult`; `parts.py` says which is which. Overlay and report are made from results alone.
"""
