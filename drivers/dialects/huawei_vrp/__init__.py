"""Huawei VRP5: S-series campus switches, V200."""
