"""What keeps a credential from being read or kept, told with its cure."""

from __future__ import annotations

CHOICES = """Choose one:
  - desktop: start and unlock the Secret Service (gnome-keyring or KWallet); macOS has its own keychain
  - server or container (Debian: apt install gnome-keyring dbus), then in one session:
      dbus-run-session -- sh -c 'gnome-keyring-daemon --unlock --components=secrets <PASSPHRASE_FILE; exec fleet up'
  - an encrypted file, only if you want it: FLEET_KEYRING=encrypted-file and
      FLEET_KEYRING_PASSPHRASE_FILE=PATH (or type the passphrase at a terminal)
  - a subscription whose login the client keeps itself: fleet account add NAME --kind subscription --login"""


class NoUsableKeyring(RuntimeError):
    """No place for credentials can be used as things are; the message says why and names the choices."""

    def __init__(self, why: str) -> None:
        super().__init__(f"No usable keyring: {why}.\n{CHOICES}")
        self.why = why

    @property
    def brief(self) -> str:
        """In one line, for what is kept as a reason and shown among others."""
        return f"no usable keyring: {self.why}; `fleet doctor` names the choices"
