"""The simulated WebSocket."""
