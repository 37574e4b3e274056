"""Writes GGUF files, version 3: magic, counts, metadata, tensor descriptions, then the tensors, each at a multiple of 32 bytes."""
import struct

ALIGNMENT = 32
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
TENSOR_TYPES = {"F32": 0, "F16": 1, "BF16": 30, "MXFP4": 39}

_FORMATS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}


def _string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(kind, value):
    return _string(value) if kind == STRING else struct.pack(_FORMATS[kind], value)


class Writer:
    """Collects metadata and tensors, then writes them."""

    def __init__(self):
        self._metadata, self._tensors = [], []

    def put(self, key, kind, value):
        """Adds a value of one of the kinds above but ARRAY."""
        self._metadata.append(_string(key) + struct.pack("<I", kind) + _value(kind, value))

    def put_array(self, key, kind, values):
        """Adds a list of values of one kind."""
        body = b"".join(_value(kind, value) for value in values)
        self._metadata.append(_string(key) + struct.pack("<IIQ", ARRAY, kind, len(values)) + body)

    def add(self, name, tensor):
        """Adds a tensor: `element`, `shape`, `size` in bytes, and `pieces()`, its bytes in order."""
        self._tensors.append((name, tensor))

    def write(self, path):
        """Writes the file. Dimensions are told from the one that lies closest in memory on: columns, rows."""
        described, offset = [], 0
        for name, tensor in self._tensors:
            shape = tensor.shape[::-1]
            described.append(_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TENSOR_TYPES[tensor.element], offset))
            offset += _padded(tensor.size)
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self._tensors), len(self._metadata)) + b"".join(self._metadata) + b"".join(described)
        with open(path, "wb") as file:
            file.write(head.ljust(_padded(len(head)), b"\0"))
            for _, tensor in self._tensors:
                for piece in tensor.pieces():
                    file.write(piece)
                file.write(bytes(_padded(tensor.size) - tensor.size))


def _padded(size):
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
