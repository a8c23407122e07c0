"""The gateway: where organisations come in, by AMQP."""
