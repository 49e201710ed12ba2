"""The AsyncAPI 3 document of the AMQP contract, made from the method registry."""
