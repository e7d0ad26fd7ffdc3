"""Fault injection: one flow over one emulated switch in this process, with one fault at a chosen exchange."""
