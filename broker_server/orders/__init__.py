"""Orders: recorded before they are sent, sent once, and followed until they are settled."""
