"""Calibration of episodes."""
