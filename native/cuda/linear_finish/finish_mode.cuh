// What becomes of one value of a Linear.
#pragma once
#include "../common/memory.cuh"

SRV_DEVICE void finish_value(const srv_linear_params& p, int row, int column, float value) {
    if (p.mode == SRV_LINEAR_ROUND) {
        row_of<uint16_t>(p.output, row, p.output_stride)[column] = ptx::to_bf16(value);
    } else {
        float* to = row_of<float>(p.output, row, p.output_stride) + column;
        *to = p.mode == SRV_LINEAR_ACCUMULATE ? *to + value : value;
    }
}

SRV_DEVICE float bias_of(const srv_linear_params& p, int column) { return p.bias == 0 ? 0.0f : ptx::from_bf16(at<const uint16_t>(p.bias)[column]); }
