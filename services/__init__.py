"""Subscribers with stacks of their own, one folder each: `darkroom new-subscriber NAME` writes them here."""
