"""What the gateway does with lines per second and per CPU second, beside what the machine can do at all."""
