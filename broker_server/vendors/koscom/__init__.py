"""KOSCOM: market data from the exchange's own source, by REST and WebSocket."""
