"""The canary: writes numbered lines to a gateway, reads them back on every way out, and judges, for weeks."""
