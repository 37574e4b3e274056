// output[i] = input[row of output i], fp32: the rows that go on to logits.
//
// Memory: a block per output, 16 bytes per thread and step. Bytes per output: 4 columns read and written. Operations: none.
#pragma once
#include "../common/memory.cuh"

SRV_KERNEL(srv_gather, srv_gather_params, 128) {
    const int outputs = count_at(p.output_count);
    for (int i = static_cast<int>(ptx::block_index()); i < outputs; i += static_cast<int>(ptx::block_count())) {
        const float* from = row_of<const float>(p.input, at<const srv_sample_row>(p.sample_rows)[i].row, p.input_stride);
        float* to = row_of<float>(p.output, i, p.output_stride);
        for (int k = static_cast<int>(ptx::thread_index()) * 4; k < p.columns; k += 4 * 128) {
            if (k + 4 <= p.columns) {
                ptx::store_16(to + k, ptx::load_16(from + k));
            } else {
                for (int j = k; j < p.columns; j++) {
                    to[j] = from[j];
                }
            }
        }
    }
}
