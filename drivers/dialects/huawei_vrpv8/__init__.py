"""Huawei VRP8 and YunShan OS: CloudEngine data centre switches, and campus switches from V600."""
