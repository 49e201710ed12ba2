"""Kiwoom REST API and its WebSocket, as published and as observed, quirks and limits included."""
