"""Subscribers with separate stacks, one folder each. `darkroom new-subscriber NAME` writes them here."""
