// The end of a fused gate_up and SiLU·mul in one: round(silu(round(gate)) * round(up)), gate and up being product + bias + delta. The bits of
// srv_linear_finish and srv_silu_mul after each other, without what one writes and the other reads.
//
// Memory: a unit is a tile of up to 64 rows of one adapter and 256 columns of the output, 64 per warp, of both halves of the product; v of both slices
// stands in shared memory.
// Bytes per row and column: 8 read, 2 written; 4 ranks of cells once per tile. Operations: 4 ranks per row and column, about 20 for the activation.
#pragma once
#include "../silu_mul/silu.cuh"
#include "expand.cuh"

constexpr int kSiluTokens = 16;  // of one pass: deltas of gate and up are in registers together
constexpr int kSiluGroups = kSiluTokens / 8;

// A column of a Linear, rounded as it would be in memory.
SRV_DEVICE float rounded_value(const srv_linear_params& p, int row, int column, float delta, bool adapted) {
    const float value = row_of<const float>(p.product, row, p.product_stride)[column] + bias_of(p, column);
    return ptx::from_bf16(ptx::to_bf16(adapted ? value + delta : value));
}

SRV_DEVICE void write_activations(const srv_linear_params& p, const FinishWork& gate, const FinishWork& up, int first_token,
    const float (&gate_delta)[kSiluGroups][4][4], const float (&up_delta)[kSiluGroups][4][4]) {
    const int width = p.columns / 2;
    const int lane = static_cast<int>(ptx::lane());
    const int column = gate.column + lane / 4 * 8;
    SRV_UNROLL
    for (int n = 0; n < kSiluGroups; n++) {
        SRV_UNROLL
        for (int e = 0; e < 2; e++) {
            const int token = first_token + n * 8 + lane % 4 * 2 + e;
            const int row = gate.tile.first_row + token;
            const LaneDelta g = lane_delta(gate_delta[n], e);
            const LaneDelta u = lane_delta(up_delta[n], e);
            SRV_UNROLL
            for (int i = 0; i < 8; i++) {
                if (token < gate.tile.row_count && column + i < width) {
                    const float activated = silu(rounded_value(p, row, column + i, g.v[i], gate.slice >= 0));
                    const float value = activated * rounded_value(p, row, width + column + i, u.v[i], up.slice >= 0);
                    row_of<uint16_t>(p.output, row, p.output_stride)[column + i] = ptx::to_bf16(value);
                }
            }
        }
    }
}

SRV_KERNEL(srv_finish_silu_mul, srv_linear_params, 128) {
    uint16_t* gate_v = reinterpret_cast<uint16_t*>(ptx::dynamic_shared());
    uint16_t* up_v = gate_v + 64 * (p.lora.rank_stride + 8);
    const srv_range range = *at<const srv_range>(p.tile_range);
    const int width = p.columns / 2;
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_row_tile tile = at<const srv_row_tile>(p.tiles)[range.first + i];
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < ceil_div(width, kFinishColumns); unit += static_cast<int>(ptx::block_count_y())) {
            const FinishWork gate = finish_work(p, tile, 0, unit * kFinishColumns);
            const FinishWork up = finish_work(p, tile, 1, unit * kFinishColumns);
            if (gate.slice >= 0) {
                load_tile_values(p.lora, gate, gate_v);
            }

            if (up.slice >= 0) {
                load_tile_values(p.lora, up, up_v);
            }

            ptx::barrier();
            for (int token = 0; token < tile.row_count && gate.column < width; token += kSiluTokens) {
                float gate_delta[kSiluGroups][4][4] = {};
                float up_delta[kSiluGroups][4][4] = {};
                if (gate.slice >= 0) {
                    expand_tile(p.lora, gate, gate_v, token, gate_delta);
                }

                if (up.slice >= 0) {
                    expand_tile(p.lora, up, up_v, token, up_delta);
                }

                write_activations(p, gate, up, token, gate_delta, up_delta);
            }

            ptx::barrier();
        }
    }
}
