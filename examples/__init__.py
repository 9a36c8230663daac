"""Services with separate stacks, each useful by itself."""
