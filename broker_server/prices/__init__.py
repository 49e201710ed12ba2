"""One price for everyone: the latest prices, daily candles and their gaps, from whatever vendor has them."""
