"""The command line: one file per group of verbs, loaded when its verb is typed."""
