"""Kiwoom REST and its WebSocket."""
