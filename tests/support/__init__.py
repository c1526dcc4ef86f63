"""What several tests share: the gateway as a process, clients, other programs."""
