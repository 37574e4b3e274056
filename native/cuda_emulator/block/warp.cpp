#include "warp.h"

#include <cstring>

#include "block.h"
#include "product.h"

namespace emulator {

namespace {

float from_bf16(uint32_t bits) { return __builtin_bit_cast(float, bits << 16); }

void shuffle(Warp& warp) {
    for (uint32_t lane = 0; lane < 32; lane++) {
        const uint32_t by = warp.in[lane][1];
        uint32_t from = lane;
        if (warp.operation == Operation::shuffle_xor) from = lane ^ (by & 31);
        if (warp.operation == Operation::shuffle_index) from = by & 31;
        if (warp.operation == Operation::shuffle_down && lane + (by & 31) < 32) from = lane + (by & 31);
        warp.out[lane][0] = warp.in[from][0];
    }
}

void vote(Warp& warp) {
    uint32_t votes = 0;
    for (uint32_t lane = 0; lane < 32; lane++) votes |= (warp.members >> lane & 1 & warp.in[lane][0]) << lane;
    for (auto& out : warp.out) out[0] = votes;
}

// Lane 8 i + r named row r of matrix i. Lane 4 g + t takes elements 2t and 2t + 1 of row g, or of column g of the rows.
void ldmatrix(Warp& warp) {
    const uint32_t matrices = warp.qualifier & 0xff;
    const bool transposed = warp.qualifier >> 8;
    for (uint32_t i = 0; i < matrices; i++) {
        uint16_t tile[8][8];
        for (uint32_t r = 0; r < 8; r++) std::memcpy(tile[r], warp.rows[8 * i + r], 16);
        for (uint32_t lane = 0; lane < 32; lane++) {
            const uint32_t g = lane / 4, t = lane % 4;
            const uint16_t low = transposed ? tile[2 * t][g] : tile[g][2 * t];
            const uint16_t high = transposed ? tile[2 * t + 1][g] : tile[g][2 * t + 1];
            warp.out[lane][i] = low | static_cast<uint32_t>(high) << 16;
        }
    }
}

// One fp32 chain per element, k ascending. A device sums in an order and a width of its own.
template <uint32_t K>
void mma(Warp& warp) {
    constexpr uint32_t a_registers = K / 4, b_registers = K / 8;
    float a[16][K], b[K][8], d[16][8];
    for (uint32_t lane = 0; lane < 32; lane++) {
        const uint32_t g = lane / 4, t = lane % 4;
        const uint32_t* in = warp.in[lane];
        for (uint32_t i = 0; i < a_registers; i++) {
            const uint32_t row = g + 8 * (i % 2), k = 2 * t + 8 * (i / 2);
            a[row][k] = from_bf16(in[i] & 0xffff);
            a[row][k + 1] = from_bf16(in[i] >> 16);
        }
        for (uint32_t i = 0; i < b_registers; i++) {
            const uint32_t pair = in[a_registers + i];
            b[2 * t + 8 * i][g] = from_bf16(pair & 0xffff);
            b[2 * t + 8 * i + 1][g] = from_bf16(pair >> 16);
        }
        for (uint32_t i = 0; i < 4; i++) std::memcpy(&d[g + 8 * (i / 2)][2 * t + i % 2], &in[a_registers + b_registers + i], 4);
    }
    for (uint32_t row = 0; row < 16; row++) {
        for (uint32_t k = 0; k < K; k++) {
            for (uint32_t column = 0; column < 8; column++) d[row][column] = __builtin_fmaf(a[row][k], b[k][column], d[row][column]);
        }
    }
    for (uint32_t lane = 0; lane < 32; lane++) {
        const uint32_t g = lane / 4, t = lane % 4;
        for (uint32_t i = 0; i < 4; i++) std::memcpy(&warp.out[lane][i], &d[g + 8 * (i / 2)][2 * t + i % 2], 4);
    }
}

}  // namespace

const char* name_of(Operation operation) {
    switch (operation) {
        case Operation::none: return "nothing";
        case Operation::warp_sync: return "warp_sync";
        case Operation::shuffle_xor: return "shuffle_xor";
        case Operation::shuffle_down: return "shuffle_down";
        case Operation::shuffle_index: return "shuffle_index";
        case Operation::vote: return "a vote";
        case Operation::ldmatrix: return "ldmatrix";
        case Operation::mma_k16: return "mma_m16n8k16";
        case Operation::mma_k8: return "mma_m16n8k8";
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
        case Operation::warp_sync: return;
        case Operation::shuffle_xor:
        case Operation::shuffle_down:
        case Operation::shuffle_index: return shuffle(warp);
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
