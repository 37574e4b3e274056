"""Leaves one architecture's PTX in a library's CUDA code, so that it is small enough to carry to a machine with a GPU: the rest is overwritten with zeros, which compress to nothing.

A fat binary is a header (magic, version, header bytes, bytes) and entries (kind 1 PTX or 2 machine code, header bytes, bytes, compute capability times ten); what they are for is said in each
entry's header, which stays, so that the driver finds what it looks for where it looks.
"""
import struct

MAGIC = b'\x50\xed\x55\xba'
HEADER, ENTRY = struct.Struct('<4sHHQ'), struct.Struct('<HHIQ12xI')
PTX = 1


def thin(library, keep):
    """Overwrites what is not PTX for the compute capability `keep` (90 for 9.0) in a bytearray; returns the bytes of code that stay.

    ValueError where none would, or where an entry does not lie in its fat binary."""
    kept, at = 0, library.find(MAGIC)
    while at >= 0:
        end = at + len(MAGIC)
        if at + HEADER.size <= len(library):
            _, version, head, size = HEADER.unpack_from(library, at)
            if version == 1 and head == HEADER.size and at + head + size <= len(library):
                end = at + head + size
                kept += _thin_entries(library, at + head, end, keep)
        at = library.find(MAGIC, end)
    if kept == 0:
        raise ValueError(f'there is no PTX for {keep} in it')
    return kept


def _thin_entries(library, at, end, keep):
    kept = 0
    while at < end:
        if at + ENTRY.size > end:
            raise ValueError('an entry is cut off')
        kind, _, head, size, capability = ENTRY.unpack_from(library, at)
        following = at + head + size
        if head < ENTRY.size or following > end:
            raise ValueError('an entry does not lie in its fat binary')
        if (kind, capability) == (PTX, keep):
            kept += size
        else:
            library[at + head:following] = bytes(size)
        at = following
    return kept
