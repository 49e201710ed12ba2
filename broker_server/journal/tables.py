"""The journal's tables."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

task_starts = Table(
    "task_starts",
    metadata,
    Column("key", String(64), primary_key=True, comment="SHA-256 of task_id and body"),
    Column("task_id", String(255), nullable=False),
    Column("method", String(255), nullable=False),
    Column("starts", Integer, nullable=False),
    Column("last_started_at", DateTime(timezone=True), nullable=False),
)
"""Starts without an end of redelivered tasks, so that one that kills its worker is found."""

order_attempts = Table(
    "order_attempts",
    metadata,
    Column("environment", String(16), primary_key=True, comment="simulated, paper or real"),
    Column("task_id", String(255), primary_key=True),
    Column("payload_hash", String(64), nullable=False, comment="SHA-256 of method and parameters"),
    Column("method", String(255), nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("outcome", LargeBinary, nullable=True, comment="the reply's JSON; null while it is not known"),
)
"""One row for every order that was about to be sent, written before any byte of it leaves."""
