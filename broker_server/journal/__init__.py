"""What must outlive a crash, in a database: SQLite by default, PostgreSQL by URL."""
