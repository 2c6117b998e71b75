"""Calibration of actuators."""
