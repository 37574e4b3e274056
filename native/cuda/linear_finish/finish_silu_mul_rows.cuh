// The end of a fused gate_up and SiLU·mul, of rows one by one, whose deltas were made beside the base product: the bits of srv_finish_silu_mul. For steps of few rows, where
// tiles of one adapter would be of a row or two and most of a block's lanes idle.
//
// Memory: a block is a row and 512 columns of the output, of both halves of the product; four neighbouring columns per thread.
// Bytes per row and column: 8 read per plane, 8 of deltas, 2 written. Operations: 4, about 20 for the activation.
#pragma once
#include "finish_silu_mul.cuh"
#include "row_delta.cuh"

constexpr int kSiluRowColumns = 512;

SRV_DEVICE void activate_four(const srv_linear_params& p, int row, int column, const float* gate, const float* up) {
    GateUp x = load_products(p, row, column);
    if (gate != nullptr) {
        add_delta(x.gate, gate);
    }

    if (up != nullptr) {
        add_delta(x.up, up);
    }

    store_activated(p, row, column, x);
}

SRV_KERNEL(srv_finish_silu_mul_rows, srv_linear_params, 128) {
    const int rows = count_at(p.row_count);
    const int width = p.columns / 2;
    ptx::await_producers();
    ptx::release_dependents();
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const float* gate = row_delta(p, row, 0);
        const float* up = row_delta(p, row, 1);
        for (int unit = static_cast<int>(ptx::block_index_y()); unit < ceil_div(width, kSiluRowColumns); unit += static_cast<int>(ptx::block_count_y())) {
            const int column = unit * kSiluRowColumns + static_cast<int>(ptx::thread_index()) * 4;
            if (column >= width) {
                continue;
            }

            const float* gate_delta = gate == nullptr ? nullptr : gate + column;
            const float* up_delta = up == nullptr ? nullptr : up + width + column;
            if (is_whole(p)) {
                activate_four(p, row, column, gate_delta, up_delta);
            } else {
                activate_columns(p, row, column, gate_delta, gate != nullptr, up_delta, up != nullptr);
            }
        }
    }
}
