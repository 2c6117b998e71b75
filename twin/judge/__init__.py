"""Verdicts from logs alone: checks, statistics and the report."""
