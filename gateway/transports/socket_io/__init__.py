"""Socket.IO: many tasks over one connection."""
