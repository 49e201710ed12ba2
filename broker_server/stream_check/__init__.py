"""``broker-server check --stream``: whether a feed really broadcasts, step by step."""
