#include "gemm.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "../block/floats.h"
#include "../block/launch.h"

namespace emulator {

namespace {

constexpr size_t chains = 16;
constexpr size_t rows_at_once = 4;
constexpr uint64_t worth_dealing = 1 << 18;  // products

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

Floats load_eight(const float* from) {
    Floats eight;
    std::memcpy(&eight, from, sizeof eight);
    return eight;
}

// The length is a multiple of the number of chains.
void dots(const float* const* a, const float* b, size_t length, float* out) {
    static_assert(chains == 16 && rows_at_once == 4);
    Floats low[rows_at_once] = {}, high[rows_at_once] = {};  // chains 0 to 7, and 8 to 15
    for (size_t k = 0; k < length; k += chains) {
        const Floats b_low = load_eight(b + k), b_high = load_eight(b + k + 8);
#pragma GCC unroll 4
        for (size_t r = 0; r < rows_at_once; r++) {
            low[r] = fma(load_eight(a[r] + k), b_low, low[r]);
            high[r] = fma(load_eight(a[r] + k + 8), b_high, high[r]);
        }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < rows_at_once; r++) {
        const Floats sums = low[r] + high[r];
        float four[4];
        for (int c = 0; c < 4; c++) four[c] = sums[c] + sums[c + 4];
        out[r] = (four[0] + four[2]) + (four[1] + four[3]);
    }
}

// How the vectors of k elements lie as floats: in as many parts as k is split into, each padded with zeros to a multiple of the number of chains.
struct Depth {
    uint64_t k, splits, part, padded;

    explicit Depth(const Gemm& gemm)
        : k(gemm.transpose_a ? gemm.a.rows : gemm.a.columns), splits(static_cast<uint64_t>(gemm.splits)), part(((k + splits - 1) / splits + chains - 1) / chains * chains), padded(part * splits) {}
};

// Some rows of the result; b are its columns' vectors.
void multiply_rows(const Gemm& gemm, const Depth& depth, const float* b, uint64_t first_row, uint64_t end_row) {
    std::vector<float> a(rows_at_once * depth.padded, 0.0f);
    for (uint64_t first = first_row; first < end_row; first += rows_at_once) {
        const uint64_t rows = std::min<uint64_t>(rows_at_once, end_row - first);
        for (uint64_t r = 0; r < rows; r++) unpack(gemm.a, gemm.transpose_a, first + r, depth.k, &a[r * depth.padded]);
        for (uint64_t j = 0; j < gemm.d.columns; j++) {
            float sums[rows_at_once] = {};
            for (uint64_t s = 0; s < depth.splits; s++) {
                const float* const from = &a[s * depth.part];
                const float* const parts[rows_at_once] = {from, from + depth.padded, from + 2 * depth.padded, from + 3 * depth.padded};
                float partial[rows_at_once];
                dots(parts, b + j * depth.padded + s * depth.part, depth.part, partial);
                for (uint64_t r = 0; r < rows_at_once; r++) sums[r] = s == 0 ? partial[r] : sums[r] + partial[r];
            }
            for (uint64_t r = 0; r < rows; r++) {
                const float before = gemm.beta == 0.0f ? 0.0f : gemm.beta * load(gemm.c, first + r, j);
                store(gemm.d, first + r, j, gemm.beta == 0.0f ? gemm.alpha * sums[r] : gemm.alpha * sums[r] + before);
            }
        }
    }
}

}  // namespace

void multiply(const Gemm& gemm) {
    const Depth depth(gemm);
    const uint64_t m = gemm.d.rows, n = gemm.d.columns;
    std::vector<float> b(n * depth.padded, 0.0f);
    for (uint64_t j = 0; j < n; j++) unpack(gemm.b, !gemm.transpose_b, j, depth.k, &b[j * depth.padded]);
    // Rows are dealt by so many that a part is worth another thread's while.
    const uint64_t work = std::max<uint64_t>(1, (n + 1) * depth.padded), dealt = std::max<uint64_t>(rows_at_once, worth_dealing / work / rows_at_once * rows_at_once);
    run_parts((m + dealt - 1) / dealt, [&](uint64_t i) { multiply_rows(gemm, depth, b.data(), i * dealt, std::min(m, (i + 1) * dealt)); });
}

}  // namespace emulator
