"""The calibrated twin is run, and is held against the log that it was calibrated from."""
