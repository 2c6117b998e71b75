"""Calibration of network."""
