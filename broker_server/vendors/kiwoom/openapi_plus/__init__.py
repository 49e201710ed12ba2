"""Kiwoom by OpenAPI+: the ActiveX control KHOPENAPI, on 32-bit Windows.

::

    threads of tasks ──┐                     ┌── the one control thread (sta.py) ──────────────┐
    event loop of      ├── backend.py ─post─▸│ session.py: login, requests, orders, registrar  │
    live data (feed.py)┘      ▲              │      │ calls                ▲ events            │
                              └──futures─────│ KiwoomControl (control.py) ── ControlEvents     │
                                             └──── activex.py, or a simulated control ─────────┘

Everything but `activex` and what is behind it runs anywhere. The control's rules that shape it all: it is
called on one thread, its data can be read only inside its events, its inputs are kept per control and not per
request, and whoever asks too often must log in again.
"""
