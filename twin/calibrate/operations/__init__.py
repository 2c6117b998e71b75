"""Calibration of operations."""
