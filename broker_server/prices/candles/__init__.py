"""Daily candles: the store, the collector that fills it, and what is missing of them."""
