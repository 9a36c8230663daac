"""Commands and definitions that show how the pipeline is doing: status, trace, report, dashboard."""
