"""The price of one stock."""

from broker_client import Client

with Client() as client:  # BROKER_URL from the environment or .env
    price = client.call("kis.get-current-price", ticker="005930").first
    print(price["price"], price["change_rate"])
