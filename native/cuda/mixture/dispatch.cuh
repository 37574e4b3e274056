// output[place] = the bf16 row of the token whose choice lies there: for what reads rows per choice and does not look them up itself, as srv_experts does.
//
// Memory: a block per place, 16 bytes per thread and step. Bytes per place and column: 2 read and written. Operations: none.
#pragma once
#include "choices.cuh"

SRV_KERNEL(srv_dispatch, srv_dispatch_params, 128) {
    for (int place = static_cast<int>(ptx::block_index()); place < choices_of(p.mixture); place += static_cast<int>(ptx::block_count())) {
        const uint16_t* from = row_of<const uint16_t>(p.input, at<const int>(p.mixture.rows)[place], p.input_stride);
        uint16_t* to = row_of<uint16_t>(p.output, place, p.output_stride);
        for (int k = static_cast<int>(ptx::thread_index()) * 8; k < p.columns; k += 8 * 128) {
            if (k + 8 <= p.columns) {
                ptx::store_16(to + k, ptx::load_16(from + k));
            } else {
                for (int j = k; j < p.columns; j++) {
                    to[j] = from[j];
                }
            }
        }
    }
}
