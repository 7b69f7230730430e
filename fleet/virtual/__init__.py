"""A world without a clock or a disk, in which the real engine runs: virtual time, a store in memory."""
