// The end of an o or down and the RMSNorm behind it in one: residual += product + bias + delta, output = norm(residual). The bits of srv_linear_finish and
// srv_rms_norm after each other; the delta comes from srv_lora_expand.
//
// Memory: a block per row, which it has to own whole for the norm's sum; 16 bytes per thread and step, a row of 4,096 columns in four steps whose loads do not wait
// for each other. The row stands in shared memory for the second pass, each thread's columns its own.
// A row's deltas are not made here: one block would read 8 KiB per rank of cells alone, where srv_lora_expand has sixteen multiprocessors for them, and the time
// of the base product.
// Bytes per row and column: 8 read (12 with a delta), 6 written. Operations: 7.
// Order: (product + bias) + delta, added to what was there; then that of rms_norm.cuh.
#pragma once
#include "../common/cells.cuh"
#include "../rms_norm/rms_norm.cuh"
#include "finish_mode.cuh"

// delta is null for a row without one.
SRV_DEVICE float added_one(const srv_linear_params& p, const float* product, const float* delta, float before, int column) {
    const float value = product[column] + bias_of(p, column);
    return before + (delta == nullptr ? value : value + delta[column]);
}

SRV_DEVICE Float4 added_four(const srv_linear_params& p, const float* product, const float* delta, const Float4& before, int column) {
    Float4 value = load_floats(product + column);
    const Float4 bias = p.bias == 0 ? Float4{{0, 0, 0, 0}} : load_widened(at<const uint16_t>(p.bias) + column);
    const Float4 added = delta == nullptr ? Float4{{0, 0, 0, 0}} : load_floats(delta + column);
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        value.v[i] += bias.v[i];
        value.v[i] = before.v[i] + (delta == nullptr ? value.v[i] : value.v[i] + added.v[i]);
    }

    return value;
}

// Adds a row to the residual stream and keeps what comes out in x, each thread the columns that sum_of_squares gives it.
SRV_DEVICE void add_row(const srv_linear_params& p, int row, const float* delta, float* x) {
    const float* product = row_of<const float>(p.product, row, p.product_stride);
    float* residual = row_of<float>(p.output, row, p.output_stride);
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < p.columns; k += 1024) {
        if (k + 4 <= p.columns) {
            const Float4 sum = added_four(p, product, delta, load_floats(residual + k), k);
            store_floats(residual + k, sum);
            store_floats(x + k, sum);
        } else {
            for (int i = k; i < p.columns; i++) {
                x[i] = residual[i] = added_one(p, product, delta, residual[i], i);
            }
        }
    }
}

SRV_KERNEL(srv_finish_rms_norm, srv_finish_norm_params, 256) {
    const srv_linear_params& linear = p.linear;
    float* scratch = reinterpret_cast<float*>(ptx::dynamic_shared());
    float* x = scratch + 16;
    const int rows = count_at(linear.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int slot = linear.lora.slice_count > 0 ? at<const int>(linear.row_slots)[row] : -1;
        const bool adapted = slot >= 0 && binding_of(linear.lora, slot, 0).rank_blocks > 0;
        add_row(linear, row, adapted ? row_of<const float>(p.delta, row, p.delta_stride) : nullptr, x);
        const float sum = block_sum(sum_of_squares(x, linear.columns), scratch);
        write_normed(x, at<const uint16_t>(p.norm.weight), norm_factor(sum, linear.columns, p.norm.epsilon),
            row_of<uint16_t>(p.norm.output, row, p.norm.output_stride), linear.columns);
        ptx::barrier();
    }
}
