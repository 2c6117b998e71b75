"""A digital twin of a robot farm: fleets of arms on real physics, with faults, people and receipts, judged like a real farm."""

__version__ = "0.1.0"
