"""Kiwoom Securities: OpenAPI+ on a Windows host, or REST and WebSocket anywhere, behind one interface."""
