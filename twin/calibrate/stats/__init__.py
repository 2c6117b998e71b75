"""Statistics that calibration rests on: pure functions from arrays to beliefs, tests and forecasts."""
