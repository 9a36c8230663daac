"""Services with stacks of their own, each useful by itself."""
