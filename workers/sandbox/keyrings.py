"""Keeps work from the kernel's keyrings, which no namespace of a sandbox hides: a filter of system calls. Travels.

A login's session keyring goes to every process that is begun below it (keyrings(7), pam_keyinit(8)); what has it may
read the keys in it, Kerberos tickets say. Programs do without these calls where a kernel does not know them, so they
are refused as if it were such a one.
"""

from __future__ import annotations

import errno
import struct

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of linux/bpf_common.h: BPF_LD|ABS|W, BPF_JMP|JEQ|K …
_NUMBER, _ARCHITECTURE = 0, 4
"""Where struct seccomp_data has them."""
_ALLOWED, _REFUSED = 0x7FFF0000, 0x00050000 | errno.ENOSYS
_X32 = 0x40000000
_CALLS = {
    # AUDIT_ARCH_* of linux/audit.h: add_key, request_key, keyctl.
    0xC000003E: (248, 249, 250, _X32 | 248, _X32 | 249, _X32 | 250),  # x86-64
    0x40000003: (286, 287, 288),  # the same machine's programs of 32 bits
    0xC00000B7: (217, 218, 219),  # arm64
    0x40000028: (309, 310, 311),  # arm
    0xC00000F3: (217, 218, 219),  # riscv64
    0xC0000015: (269, 270, 271),  # powerpc64, little endian
    0x80000016: (278, 279, 280),  # s390x
}


def refused() -> bytes:
    """The filter as bubblewrap's --seccomp takes it. On a machine of another kind it lets all calls pass."""
    program = [(_LOAD, 0, 0, _ARCHITECTURE)]
    for architecture, calls in _CALLS.items():
        block = [(_LOAD, 0, 0, _NUMBER)]
        block += [(_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)]
        block += [(_RETURN, 0, 0, _ALLOWED), (_RETURN, 0, 0, _REFUSED)]
        program += [(_EQUAL, 0, len(block), architecture), *block]
    return b"".join(struct.pack("=HBBI", *one) for one in [*program, (_RETURN, 0, 0, _ALLOWED)])


IN_FRONT = """\
for n in 9 8 7 6 5 4 3 ''; do [ -e "/dev/fd/$n" ] || break; done
[ "$n" ] || { echo "bwrap: no descriptor is free for its filter" >&2; exit 1; }
[ -r "$0" ] || { echo "bwrap: $0 cannot be read" >&2; exit 1; }
eval "exec $n<\\"\\$0\\""
program=$1; shift; exec "$program" --seccomp "$n" "$@"
"""
"""A shell's words that begin bubblewrap ($1) with the filter that lies in $0, by a descriptor that it had not been
given."""
