"""The ActiveX control on a Windows host, and everything above it that knows nothing of Windows."""
