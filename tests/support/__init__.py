"""Helpers that tests share. Nothing here is collected as a test."""
