"""Calibration of reliability."""
