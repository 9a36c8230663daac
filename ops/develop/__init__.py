"""Commands for people who change Darkroom: new subscribers, generated files, corpus runs."""
