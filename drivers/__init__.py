"""How a rule reaches equipment: dialects are data, the flow is one, transports carry bytes."""
