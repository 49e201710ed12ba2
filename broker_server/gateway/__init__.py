"""HTTP, WebSocket and a web page over the price layer; it reads, and cannot order anything."""
