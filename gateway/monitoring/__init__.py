"""What operators watch: health, metrics, summary statistics, the gateway's own log."""
