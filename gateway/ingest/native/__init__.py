"""The gateway's own dialect: numbered requests on one stream."""
