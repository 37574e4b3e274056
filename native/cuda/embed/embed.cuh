// output[row] (fp32) = weight[token of row] (bf16) * scale.
//
// Memory: a block reads one row of the table, 16 bytes per thread and step, and writes it widened. Rows of one step are read where they are, in any order.
// Bytes per row: 2 columns read, 4 columns written. Operations: 1 per column.
// Sampling writes over what the previous step sampled while its blocks still ask for it: they read pending instead.
#pragma once
#include "../common/memory.cuh"

SRV_DEVICE Float4 scaled(Float4 x, float by) { return {{x.v[0] * by, x.v[1] * by, x.v[2] * by, x.v[3] * by}}; }

// A row's token, which the first thread of the block writes down where the step before sampled it.
SRV_DEVICE int token_of(const srv_embed_params& p, int row) {
    const int given = at<const int>(p.token_ids)[row];
    const int token = given < 0 ? at<const int>(p.sampled)[~given] : given;
    if (ptx::thread_index() == 0) {
        at<int>(p.pending)[row] = given < 0 ? token : -1;
    }

    return token;
}

SRV_KERNEL(srv_embed, srv_embed_params, 128) {
    const int rows = count_at(p.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const int token = token_of(p, row);
        const uint16_t* from = row_of<const uint16_t>(p.weight, token, p.weight_stride);
        float* to = row_of<float>(p.output, row, p.output_stride);
        for (int k = static_cast<int>(ptx::thread_index()) * 8; k < p.columns; k += 8 * 128) {
            if (k + 8 <= p.columns) {
                store_floats(to + k, scaled(load_widened(from + k), p.scale));
                store_floats(to + k + 4, scaled(load_widened(from + k + 4), p.scale));
            } else {
                for (int i = k; i < p.columns; i++) {
                    to[i] = ptx::from_bf16(from[i]) * p.scale;
                }
            }
        }
    }
}
