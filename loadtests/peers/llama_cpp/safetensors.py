"""Reads safetensors files: a length, a JSON header that names each tensor's type, shape and place, then the bytes."""
import array
import json
import math
import struct

ELEMENT_BYTES = {"BF16": 2, "F16": 2, "F32": 4, "U8": 1}
LONGEST_HEADER = 64 << 20


class Tensor:
    """A tensor, row by row as it lies in the file: rows are along its last dimension."""

    def __init__(self, element, shape, data):
        self.element, self.shape, self.data = element, shape, data
        self.rows, self.columns = math.prod(shape[:-1]), shape[-1] if shape else 1
        if len(data) != self.rows * self.columns * ELEMENT_BYTES[element]:
            raise ValueError(f"{len(data)} bytes for {element} {shape}")

    @property
    def size(self):
        """Its bytes."""
        return len(self.data)

    def pieces(self):
        """Its bytes, in one piece."""
        yield self.data

    def reordered(self, order):
        """The tensor whose row i is this one's row order[i]."""
        return Tensor(self.element, self.shape, self.reordered_rows(order))

    def reordered_rows(self, order):
        """The bytes of some of its rows."""
        size = self.columns * ELEMENT_BYTES[self.element]
        return b"".join(self.data[row * size:(row + 1) * size] for row in order)

    def turned(self, first=0, step=1):
        """Of matrices of BF16 that lie input by input every step-th output from the first on, output by output."""
        matrices, inputs, outputs = self.shape
        values, taken = array.array("H", self.data), range(first, outputs, step)
        pieces = [values[matrix * inputs * outputs + output:(matrix + 1) * inputs * outputs:outputs].tobytes() for matrix in range(matrices) for output in taken]
        return Tensor(self.element, [matrices, len(taken), inputs], b"".join(pieces))

    def every(self, first, step, rank=1):
        """Every step-th part from the first on, of parts that have so many dimensions less than the tensor."""
        size = len(self.data) // math.prod(self.shape[:rank + 1])
        parts = range(first, math.prod(self.shape[:rank + 1]), step)
        shape = [*self.shape[:rank], len(range(first, self.shape[rank], step)), *self.shape[rank + 1:]]
        return Tensor(self.element, shape, b"".join(self.data[part * size:(part + 1) * size] for part in parts))

    def half(self, which):
        """The first or the second half of each matrix's outputs."""
        matrices, outputs = math.prod(self.shape[:-2]), self.shape[-2]
        kept = self.reordered_rows([matrix * outputs + which * outputs // 2 + row for matrix in range(matrices) for row in range(outputs // 2)])
        return Tensor(self.element, [*self.shape[:-2], outputs // 2, self.shape[-1]], kept)

    def raised(self):
        """1 more than a tensor of F32."""
        return Tensor("F32", self.shape, array.array("f", (value + 1 for value in array.array("f", self.data))).tobytes())

    def widened(self):
        """The tensor in F32; only of BF16, whose floats are the upper halves of F32's."""
        if self.element == "F32":
            return self
        if self.element != "BF16":
            raise ValueError(f"{self.element} is not widened here")
        wide = bytearray(2 * len(self.data))
        wide[2::4], wide[3::4] = self.data[0::2], self.data[1::2]
        return Tensor("F32", self.shape, bytes(wide))


class Stack:
    """Tensors of one shape one behind the other, as one of a dimension more."""

    def __init__(self, tensors):
        self.tensors, self.element, self.shape = tensors, tensors[0].element, [len(tensors), *tensors[0].shape]

    @property
    def size(self):
        """Its bytes."""
        return sum(tensor.size for tensor in self.tensors)

    def pieces(self):
        """Its bytes, tensor by tensor."""
        for tensor in self.tensors:
            yield from tensor.pieces()


def read(path):
    """Returns the tensors by name."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > LONGEST_HEADER:
            raise ValueError(f"{path}: a header of {length} bytes")
        header, data = json.loads(file.read(length)), file.read()
    header.pop("__metadata__", None)
    return {name: Tensor(entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()}
