"""The WebSocket of the gateway: topics, one bounded queue per client, and nobody waits for anybody."""
