// output = round(input * rsqrt(mean(input^2) + epsilon) * weight), in fp32.
//
// Memory: a block per row, 16 bytes per thread and step; the second pass over the row finds it in L1.
// Bytes per row: 4 columns read, 2 columns written; the weight's 2 columns stay in L2. Operations: 4 per column.
// Order: thread t adds the squares of columns 4 t .. 4 t + 3, then of those 1,024 further on, one chain of fma; then the tree of block_sum.
#pragma once
#include "../common/norm.cuh"
#include "../common/reduce.cuh"

SRV_DEVICE float sum_of_squares(const float* x, int columns) {
    float sum = 0;
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            const Float4 v = load_floats(x + k);
            for (int i = 0; i < 4; i++) {
                sum = ptx::fma(v.v[i], v.v[i], sum);
            }
        } else {
            for (int i = k; i < columns; i++) {
                sum = ptx::fma(x[i], x[i], sum);
            }
        }
    }

    return sum;
}

SRV_DEVICE void write_normed(const float* x, const uint16_t* weight, float factor, uint16_t* y, int columns) {
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            const Float4 v = load_floats(x + k);
            const Float4 w = load_widened(weight + k);
            store_rounded(y + k, {{v.v[0] * factor * w.v[0], v.v[1] * factor * w.v[1], v.v[2] * factor * w.v[2], v.v[3] * factor * w.v[3]}});
        } else {
            for (int i = k; i < columns; i++) {
                y[i] = ptx::to_bf16(x[i] * factor * ptx::from_bf16(weight[i]));
            }
        }
    }
}

SRV_KERNEL(srv_rms_norm, srv_rms_norm_params, 256) {
    float* scratch = reinterpret_cast<float*>(ptx::dynamic_shared());
    const int rows = count_at(p.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const float* x = row_of<const float>(p.input, row, p.input_stride);
        const float sum = block_sum(sum_of_squares(x, p.columns), scratch);
        write_normed(x, at<const uint16_t>(p.weight), norm_factor(sum, p.columns, p.epsilon), row_of<uint16_t>(p.output, row, p.output_stride), p.columns);
        ptx::barrier();
    }
}
