"""The portseal-agent command."""
