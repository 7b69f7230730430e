"""The read path that `fleet status` takes: standard library only, as it must start about as fast as the
interpreter does."""
