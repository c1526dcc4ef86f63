"""What the gateway says of itself: OpenAPI, AsyncAPI, and a page that shows both.

Anyone who adds a route describes it beside the route: an ``Operation`` in the module that has the handler, and a
``DescribedRoute`` in the list of routes. ``gateway.app`` collects the routes; nothing else has to be changed.
"""
