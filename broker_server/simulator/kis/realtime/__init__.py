"""The simulated KIS WebSocket."""
