"""Pages of the documentation that are made from the code: `scripts.write_generated` writes them."""
