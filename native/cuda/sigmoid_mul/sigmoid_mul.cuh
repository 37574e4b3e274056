// output = round(input * sigmoid(gate)) in fp32: attention whose output has a gate.
//
// Memory: a unit is a row and 2,048 columns, 8 bytes per thread and step of the input, 16 of the gate.
// Bytes per column: 6 read, 2 written. Operations: about 20, most of them the exponential.
#pragma once
#include "../silu_mul/silu.cuh"
#include "params.h"

SRV_KERNEL(srv_sigmoid_mul, srv_sigmoid_mul_params, 256) {
    constexpr int kColumns = 2048;
    const int chunks = ceil_div(p.columns, kColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const uint16_t* x = row_of<const uint16_t>(p.input, unit / chunks, p.input_stride);
        const float* gate = row_of<const float>(p.gate, unit / chunks, p.gate_stride);
        uint16_t* y = row_of<uint16_t>(p.output, unit / chunks, p.output_stride);
        const int end = smaller((unit % chunks + 1) * kColumns, p.columns);
        for (int k = unit % chunks * kColumns + static_cast<int>(ptx::thread_index()) * 4; k < end; k += 1024) {
            if (k + 4 <= end) {
                Float4 v = load_widened(x + k);
                const Float4 g = load_floats(gate + k);
                SRV_UNROLL
                for (int i = 0; i < 4; i++) {
                    v.v[i] = gated(v.v[i], g.v[i]);
                }

                store_rounded(y + k, v);
            } else {
                for (int i = k; i < end; i++) {
                    y[i] = ptx::to_bf16(gated(ptx::from_bf16(x[i]), gate[i]));
                }
            }
        }
    }
}
