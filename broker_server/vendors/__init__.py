"""One folder per vendor, and what they share: the clock, the pacing of calls, the HTTP transport."""
