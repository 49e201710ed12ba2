"""A task and its reply with an AMQP library alone: what a program in any language does."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pika

connection = pika.BlockingConnection(pika.URLParameters(os.environ["BROKER_URL"]))
channel = connection.channel()
channel.confirm_delivery()  # a publish returns when RabbitMQ has the task; one that it cannot take raises
replies = channel.queue_declare("", exclusive=True).method.queue

now = datetime.now(UTC)
task = {
    "task_id": str(uuid4()),
    "method": "kis.get-current-price",
    "parameters": {"ticker": "005930"},
    "request_time": now.isoformat(),
    "deadline": (now + timedelta(seconds=10)).isoformat(),
    "expected_environment": "simulated",
}
properties = pika.BasicProperties(
    reply_to=replies, correlation_id=task["task_id"], content_type="application/json"
)
channel.basic_publish("", "tasks", json.dumps(task), properties, mandatory=True)

reply = None
while reply is None and datetime.now(UTC) < now + timedelta(seconds=10):
    _, _, body = channel.basic_get(replies, auto_ack=True)
    reply = json.loads(body) if body else None
    time.sleep(0.01)
connection.close()

if reply is None:
    raise SystemExit("no answer; a read may be repeated")
if reply["status"] == "TASK_FAILED":
    raise SystemExit(f"{reply['error']['code']}: {reply['error']['message']}")
print(reply["environment"], reply["result"][0]["ticker"], reply["result"][0]["price"])
