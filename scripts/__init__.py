"""What the commands of the Makefile are made of; nothing here is part of the gateway."""
