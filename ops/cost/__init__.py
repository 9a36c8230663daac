"""The cost of a month: prices, measured usage, and the bill that follows from both."""
