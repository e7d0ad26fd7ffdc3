"""The notice's clauses: the notice as data, and one module per sub-clause with the check that proves it."""
