"""OTLP logs, over gRPC and HTTP: what OpenTelemetry's SDKs, collectors and agents send."""
