"""KIS Open API as its documents describe it, quirks and limits included."""
