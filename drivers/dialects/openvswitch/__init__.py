"""Open vSwitch behind a shell."""
