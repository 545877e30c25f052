"""Settings from the environment, and the configuration of the servers that read them."""
