"""Calibration of dynamics."""
