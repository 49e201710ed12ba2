"""The client that the documentation of the original sapi-kiwoom server shows, unchanged but for the URL.

Usage: ``python examples/original_client.py [amqp://localhost:5672]``
"""

import json
import sys
from datetime import datetime

import pika

URL = sys.argv[1] if len(sys.argv) > 1 else "amqp://localhost:5672"

request = {
    "task_id": "custom-task-id",
    "method": "get-stock-name",
    "parameters": {"stock_code": "015760"},
    "request_time": datetime.now(),  # noqa: DTZ005 - as the original's users wrote it
}
request_body = json.dumps(request, ensure_ascii=False, default=str)

connection = pika.BlockingConnection(pika.URLParameters(URL))
channel = connection.channel()
channel.basic_publish(exchange="", routing_key="tasks", body=request_body)

receive_messages = []
channel.basic_consume(
    queue="sapi-kiwoom",
    on_message_callback=lambda *args: receive_messages.append(args[3]),
    auto_ack=True,
)

while not receive_messages:
    connection.process_data_events()

response_body = json.loads(receive_messages[0])
print(response_body)
