"""How sessions reach their subscribers: Server-Sent Events and Socket.IO."""
