"""Routes with their documentation: operations, channels, parameters, JSON schemas."""
