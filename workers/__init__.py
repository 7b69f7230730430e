"""How one worker runs on one host. A leaf: never imports `fleet`."""
