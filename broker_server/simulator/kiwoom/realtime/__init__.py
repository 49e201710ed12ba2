"""The WebSocket of the simulated Kiwoom."""
