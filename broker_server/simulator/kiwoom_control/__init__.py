"""A simulated OpenAPI+ control over the shared market: its methods, its events, and its rules.

It shares no code with the adapter, only Kiwoom's tables. What an adapter must not do raises here, or is noted
in `SimulatedControl.violations`, where the real control would misbehave in silence.
"""
