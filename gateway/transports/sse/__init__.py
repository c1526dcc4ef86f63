"""Server-Sent Events: one task, one pipeline or all updates per connection."""
