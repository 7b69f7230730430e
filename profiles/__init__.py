"""Who pays: account profiles, their credentials and their isolation. A leaf: never imports `fleet`."""
