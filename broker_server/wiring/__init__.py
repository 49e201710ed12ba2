"""What a worker is made of, part by part; ``app.py`` puts the parts together."""
