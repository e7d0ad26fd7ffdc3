"""A virtual site with a real data plane: Open vSwitch, network namespaces, vendor personas. Nothing imports lab."""
