"""Everything about AMQP: connection, topology, the worker loop, replies. Knows no vendor."""
