"""``make soak``: Otto's workers for half an hour, some killed every second, with viewers that come and go."""
