#include "gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace emulator {

namespace {

constexpr size_t chains = 16;
constexpr size_t rows_at_once = 4;

float from_bf16(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }

uint16_t to_bf16(float x) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, x);
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

float load(const Matrix& matrix, uint64_t row, uint64_t column) {
    const uint64_t at = column * static_cast<uint64_t>(matrix.stride) + row;
    if (matrix.element == Element::bf16) return from_bf16(reinterpret_cast<const uint16_t*>(matrix.address)[at]);
    return reinterpret_cast<const float*>(matrix.address)[at];
}

void store(const Matrix& matrix, uint64_t row, uint64_t column, float value) {
    const uint64_t at = column * static_cast<uint64_t>(matrix.stride) + row;
    if (matrix.element == Element::bf16) {
        reinterpret_cast<uint16_t*>(matrix.address)[at] = to_bf16(value);
    } else {
        reinterpret_cast<float*>(matrix.address)[at] = value;
    }
}

// The vector of k elements that output index i takes of a matrix, as floats: its column i, or its row i when they lie across.
void unpack(const Matrix& matrix, bool by_column, uint64_t i, uint64_t k, float* out) {
    if (by_column && matrix.element == Element::bf16) {
        const auto* column = reinterpret_cast<const uint16_t*>(matrix.address) + i * static_cast<uint64_t>(matrix.stride);
        for (uint64_t j = 0; j < k; j++) out[j] = from_bf16(column[j]);
        return;
    }
    for (uint64_t j = 0; j < k; j++) out[j] = by_column ? load(matrix, j, i) : load(matrix, i, j);
}

// The length is a multiple of the number of chains.
void dots(const float* const* a, const float* b, size_t length, float* out) {
    float sums[rows_at_once][chains] = {};
    for (size_t k = 0; k < length; k += chains) {
        for (size_t r = 0; r < rows_at_once; r++) {
            for (size_t c = 0; c < chains; c++) sums[r][c] = __builtin_fmaf(a[r][k + c], b[k + c], sums[r][c]);
        }
    }
    for (size_t r = 0; r < rows_at_once; r++) {
        for (size_t half = chains / 2; half > 0; half /= 2) {
            for (size_t c = 0; c < half; c++) sums[r][c] += sums[r][c + half];
        }
        out[r] = sums[r][0];
    }
}

}  // namespace

void multiply(const Gemm& gemm) {
    const uint64_t m = gemm.d.rows, n = gemm.d.columns, k = gemm.transpose_a ? gemm.a.rows : gemm.a.columns;
    const auto splits = static_cast<uint64_t>(gemm.splits);
    const uint64_t part = ((k + splits - 1) / splits + chains - 1) / chains * chains, padded = part * splits;
    std::vector<float> b(n * padded, 0.0f), a(rows_at_once * padded, 0.0f);
    for (uint64_t j = 0; j < n; j++) unpack(gemm.b, !gemm.transpose_b, j, k, &b[j * padded]);
    for (uint64_t first = 0; first < m; first += rows_at_once) {
        const uint64_t rows = std::min<uint64_t>(rows_at_once, m - first);
        for (uint64_t r = 0; r < rows; r++) unpack(gemm.a, gemm.transpose_a, first + r, k, &a[r * padded]);
        for (uint64_t j = 0; j < n; j++) {
            float sums[rows_at_once] = {};
            for (uint64_t s = 0; s < splits; s++) {
                const float* const parts[rows_at_once] = {&a[s * part], &a[padded + s * part], &a[2 * padded + s * part], &a[3 * padded + s * part]};
                float partial[rows_at_once];
                dots(parts, &b[j * padded + s * part], part, partial);
                for (uint64_t r = 0; r < rows_at_once; r++) sums[r] = s == 0 ? partial[r] : sums[r] + partial[r];
            }
            for (uint64_t r = 0; r < rows; r++) {
                const float before = gemm.beta == 0.0f ? 0.0f : gemm.beta * load(gemm.c, first + r, j);
                store(gemm.d, first + r, j, gemm.beta == 0.0f ? gemm.alpha * sums[r] : gemm.alpha * sums[r] + before);
            }
        }
    }
}

}  // namespace emulator
