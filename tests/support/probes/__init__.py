"""Questions to the local engine and AWS's answers, by service."""
