"""Measurements, each beside a peer in the same run; ratios count, absolute times belong to the machine."""
