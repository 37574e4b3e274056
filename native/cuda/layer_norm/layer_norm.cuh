// output = round((input - mean) * rsqrt(mean((input - mean)^2) + epsilon) * (offset + weight) + bias), in fp32, of a row, or of each of its groups of columns; or unrounded.
//
// Memory: a block per row and group, 16 bytes per thread and step; the second and third pass over the row find it in L1.
// Bytes per row: 4 columns read, 2 columns written; what weight and bias have stays in L2. Operations: 8 per column.
// Order: thread t adds columns 4 t .. 4 t + 3, then those 1,024 further on, in one chain, then the tree of block_sum; so the squares of the differences from the mean, in a chain of fma.
#pragma once
#include "../common/norm.cuh"
#include "../rms_norm/rms_norm.cuh"
#include "params.h"

SRV_DEVICE float sum_of(const float* x, int columns) {
    float sum = 0;
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            const Float4 v = load_floats(x + k);
            for (int i = 0; i < 4; i++) {
                sum += v.v[i];
            }
        } else {
            for (int i = k; i < columns; i++) {
                sum += x[i];
            }
        }
    }

    return sum;
}

SRV_DEVICE float sum_of_squared_differences(const float* x, float mean, int columns) {
    float sum = 0;
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            const Float4 v = load_floats(x + k);
            for (int i = 0; i < 4; i++) {
                sum = ptx::fma(v.v[i] - mean, v.v[i] - mean, sum);
            }
        } else {
            for (int i = k; i < columns; i++) {
                sum = ptx::fma(x[i] - mean, x[i] - mean, sum);
            }
        }
    }

    return sum;
}

// A group's weight, and its bias or nothing.
struct NormVectors {
    const uint16_t* weight;
    const uint16_t* bias;
    float offset;

    SRV_DEVICE float apply(float normed, float w, float b) const { return normed * (offset + w) + b; }
};

template <class Row>
SRV_DEVICE void write_centred(const float* x, const NormVectors& vectors, float mean, float factor, Row to, int columns) {
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            const Float4 v = load_floats(x + k);
            const Float4 b = vectors.bias == nullptr ? Float4{{0, 0, 0, 0}} : load_widened(vectors.bias + k);
            Float4 w = load_widened(vectors.weight + k);
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                w.v[i] = vectors.apply((v.v[i] - mean) * factor, w.v[i], b.v[i]);
            }

            to.put(k, w);
        } else {
            for (int i = k; i < columns; i++) {
                to.put_one(i, vectors.apply((x[i] - mean) * factor, ptx::from_bf16(vectors.weight[i]), vectors.bias == nullptr ? 0.0f : ptx::from_bf16(vectors.bias[i])));
            }
        }
    }
}

SRV_KERNEL(srv_layer_norm, srv_layer_norm_params, 256) {
    // A sum each: nobody comes to the next group's before all have left this one's, as the other sum's barrier lies between.
    float* scratch = reinterpret_cast<float*>(ptx::dynamic_shared());
    const int units = count_at(p.row_count) * p.groups;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int row = unit / p.groups;
        const int first = unit % p.groups * p.columns;
        const float* x = row_of<const float>(p.input, row, p.input_stride) + first;
        const NormVectors vectors{at<const uint16_t>(p.weight) + first, p.bias == 0 ? nullptr : at<const uint16_t>(p.bias) + first, p.offset};
        const float mean = ptx::div_rn(block_sum(sum_of(x, p.columns), scratch), static_cast<float>(p.columns));
        const float factor = norm_factor(block_sum(sum_of_squared_differences(x, mean, p.columns), scratch + 8), p.columns, p.epsilon);
        if (p.mode == 0) {
            write_centred(x, vectors, mean, factor, RoundedRow{row_of<uint16_t>(p.output, row, p.output_stride) + first}, p.columns);
        } else {
            write_centred(x, vectors, mean, factor, KeptRow{row_of<float>(p.output, row, p.output_stride) + first}, p.columns);
        }
    }
}
