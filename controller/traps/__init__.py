"""Switches' notifications: received and gathered in a thread, written down and judged by readings in the loop."""
