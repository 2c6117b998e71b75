"""Calibration of delays."""
