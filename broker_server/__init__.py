"""The workers, vendor adapters, simulators and gateway of sapi-broker."""
