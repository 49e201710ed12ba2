"""Subscriptions and what they deliver: the stream desk, its thread, the boards of the vendors."""
