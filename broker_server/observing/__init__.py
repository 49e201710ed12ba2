"""How a worker can be watched from outside: metrics, health, traces, the service manager."""
