"""Serves functions/main.py as production does, and brings it what the cloud would: events, schedules, pushes, calls."""
