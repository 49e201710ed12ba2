"""A stand-in for KOSCOM: its REST API and its WebSocket."""
