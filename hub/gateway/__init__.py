"""The gateway: where organisations come in. Its first room is the AMQP door."""
