"""The migrations of the store of prices, one module per version."""
