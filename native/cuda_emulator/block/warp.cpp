#include "warp.h"

#include <cstring>

#include "block.h"
#include "floats.h"
#include "product.h"

namespace emulator {

namespace {

void vote(Warp& warp) {
    uint32_t votes = 0;
    for (uint32_t lane = 0; lane < 32; lane++) votes |= (warp.members >> lane & 1 & warp.in[0][lane]) << lane;
    for (auto& out : warp.out[0]) out = votes;
}

using Halves = uint16_t __attribute__((vector_size(16), may_alias));
using Pairs = uint32_t __attribute__((vector_size(16), may_alias));
using Quads = uint64_t __attribute__((vector_size(16), may_alias));

// Eight rows of eight elements as eight columns, in words of two elements.
void turn_matrix(const void* const* rows, uint32_t* columns) {
    Halves row[8];
    for (uint32_t r = 0; r < 8; r++) std::memcpy(&row[r], rows[r], 16);
    Pairs two[8];  // of rows 2i and 2i + 1: columns 0 to 3, then 4 to 7
    for (uint32_t i = 0; i < 4; i++) {
        two[i] = reinterpret_cast<Pairs>(__builtin_shufflevector(row[2 * i], row[2 * i + 1], 0, 8, 1, 9, 2, 10, 3, 11));
        two[4 + i] = reinterpret_cast<Pairs>(__builtin_shufflevector(row[2 * i], row[2 * i + 1], 4, 12, 5, 13, 6, 14, 7, 15));
    }
    for (uint32_t half = 0; half < 2; half++) {
        const Pairs* const from = &two[4 * half];
        for (uint32_t i = 0; i < 2; i++) {
            const auto four = [&](uint32_t first) {
                return reinterpret_cast<Quads>(i == 0 ? __builtin_shufflevector(from[first], from[first + 1], 0, 4, 1, 5) : __builtin_shufflevector(from[first], from[first + 1], 2, 6, 3, 7));
            };
            const Quads low = four(0), high = four(2);
            const Quads first = __builtin_shufflevector(low, high, 0, 2), second = __builtin_shufflevector(low, high, 1, 3);
            std::memcpy(columns + (4 * half + 2 * i) * 4, &first, 16);
            std::memcpy(columns + (4 * half + 2 * i + 1) * 4, &second, 16);
        }
    }
}

// Lane 8 i + r named row r of matrix i. Lane 4 g + t takes elements 2t and 2t + 1 of row g, or of column g of the rows.
void ldmatrix(Warp& warp) {
    const uint32_t matrices = warp.qualifier & 0xff;
    const bool transposed = warp.qualifier >> 8;
    for (uint32_t i = 0; i < matrices; i++) {
        if (transposed) {
            turn_matrix(&warp.rows[8 * i], warp.out[i]);
        } else {
            for (uint32_t r = 0; r < 8; r++) std::memcpy(&warp.out[i][4 * r], warp.rows[8 * i + r], 16);
        }
    }
}

using Words = uint32_t __attribute__((vector_size(32), may_alias));

// Words of lanes 4 g + t in the order t, then g: from eight rows of four to four rows of eight, even g before odd ones.
void turn(const uint32_t (&words)[32], Words (&turned)[4]) {
    Words rows[4];
    std::memcpy(rows, words, sizeof rows);  // rows[i]: g = 2 i, then g = 2 i + 1
    const Words a = __builtin_shufflevector(rows[0], rows[1], 0, 8, 1, 9, 4, 12, 5, 13), b = __builtin_shufflevector(rows[0], rows[1], 2, 10, 3, 11, 6, 14, 7, 15);
    const Words c = __builtin_shufflevector(rows[2], rows[3], 0, 8, 1, 9, 4, 12, 5, 13), d = __builtin_shufflevector(rows[2], rows[3], 2, 10, 3, 11, 6, 14, 7, 15);
    turned[0] = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
    turned[1] = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
    turned[2] = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
    turned[3] = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
}

// One fp32 chain per element, k ascending. A device sums in an order and a width of its own. Columns are kept in the order 0, 2, 4, 6, 1, 3, 5, 7, in which lanes bring them.
template <uint32_t K>
void mma(Warp& warp) {
    constexpr uint32_t a_registers = K / 4, b_registers = K / 8;
    // Of each pair the element of an even k, then that of an odd one.
    alignas(32) uint32_t a[2][a_registers][32];
    Floats b[K];
    for (uint32_t i = 0; i < a_registers; i++) {
        for (uint32_t lane = 0; lane < 32; lane++) a[0][i][lane] = warp.in[i][lane] << 16, a[1][i][lane] = warp.in[i][lane] & 0xffff0000u;
    }
    for (uint32_t i = 0; i < b_registers; i++) {
        Words pairs[4];
        turn(warp.in[a_registers + i], pairs);
        for (uint32_t t = 0; t < 4; t++) {
            b[8 * i + 2 * t] = reinterpret_cast<Floats>(pairs[t] << 16);
            b[8 * i + 2 * t + 1] = reinterpret_cast<Floats>(pairs[t] & 0xffff0000u);
        }
    }
    for (uint32_t half = 0; half < 2; half++) {
        uint32_t(*const c)[32] = &warp.in[a_registers + b_registers + 2 * half];
        Floats d[8];
        for (uint32_t g = 0; g < 8; g++) {
            std::memcpy(&d[g], &c[0][4 * g], 16);
            std::memcpy(reinterpret_cast<char*>(&d[g]) + 16, &c[1][4 * g], 16);
        }
        for (uint32_t k = 0; k < K; k++) {
#pragma GCC unroll 8
            for (uint32_t g = 0; g < 8; g++) {
                const float element = __builtin_bit_cast(float, a[k % 2][half + k / 8 * 2][4 * g + k % 8 / 2]);
                d[g] = fma(Floats{element, element, element, element, element, element, element, element}, b[k], d[g]);
            }
        }
        for (uint32_t g = 0; g < 8; g++) {
            std::memcpy(&warp.out[2 * half][4 * g], &d[g], 16);
            std::memcpy(&warp.out[2 * half + 1][4 * g], reinterpret_cast<char*>(&d[g]) + 16, 16);
        }
    }
}

}  // namespace

const char* name_of(Operation operation) {
    switch (operation) {
        case Operation::none: return "the end";
        case Operation::warp_sync: return "warp_sync";
        case Operation::shuffle_xor: return "shuffle_xor";
        case Operation::shuffle_down: return "shuffle_down";
        case Operation::shuffle_index: return "shuffle_index";
        case Operation::vote: return "a vote";
        case Operation::ldmatrix: return "ldmatrix";
        case Operation::mma_k16: return "mma_m16n8k16";
        case Operation::mma_k8: return "mma_m16n8k8";
        case Operation::barrier: return "a barrier";
        case Operation::barrier_arrive: return "barrier_arrive";
        case Operation::wgmma: return "wgmma_m64n64k16";
        case Operation::wgmma_fence: return "wgmma_fence";
        case Operation::wgmma_commit: return "wgmma_commit";
        case Operation::wgmma_wait: return "wgmma_wait";
    }
    return "unknown";
}

void carry_out(Warp& warp) {
    switch (warp.operation) {
        case Operation::none:
        case Operation::warp_sync:
        case Operation::shuffle_xor:
        case Operation::shuffle_down:
        case Operation::shuffle_index:
        case Operation::barrier: return;
        case Operation::vote: return vote(warp);
        case Operation::ldmatrix: return ldmatrix(warp);
        case Operation::mma_k16: return mma<16>(warp);
        case Operation::mma_k8: return mma<8>(warp);
        case Operation::barrier_arrive: return current->block->arrive_at_barrier(warp);
        case Operation::wgmma: return begin_product(warp);
        case Operation::wgmma_fence: warp.fenced = true; return;
        case Operation::wgmma_commit: return commit_products(warp);
        case Operation::wgmma_wait: return finish_products(warp, warp.qualifier);
    }
}

}  // namespace emulator
