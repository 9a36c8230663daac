"""Helpers that several tests, or tests and benches, share."""
