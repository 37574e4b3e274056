// D = alpha op(A) op(B) + beta C with bf16 or fp32 inputs and fp32 sums.
#pragma once
#include <cstddef>
#include <cstdint>

namespace emulator {

enum class Element : int { f32 = 0, bf16 = 14 };

inline size_t bytes_of(Element element) { return element == Element::bf16 ? 2 : 4; }

// A matrix in device memory as it is stored: columns of `rows` elements, `stride` elements apart.
struct Matrix {
    uint64_t address;
    Element element;
    uint64_t rows, columns;
    int64_t stride;
};

struct Gemm {
    Matrix a, b, c, d;
    bool transpose_a, transpose_b;
    float alpha, beta;
    int splits;  // of k, summed in order: 1, or the arithmetic of a split-K algorithm
};

// Each element is 16 fp32 FMA chains, k mod 16, each ascending, summed by halves: the same for every shape.
void multiply(const Gemm& gemm);

// Handles of cublasLt's that nobody has given back.
size_t products_held();

}  // namespace emulator
