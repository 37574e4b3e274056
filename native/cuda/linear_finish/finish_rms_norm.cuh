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
#include "../rms_norm/rms_norm.cuh"
#include "finish_mode.cuh"
#include "row_delta.cuh"

// delta is null for a row without one.
SRV_DEVICE float added_one(const srv_linear_params& p, const float* product, const float* delta, float before, int column) {
    float sum = product[column];
    for (int plane = 1; plane < p.planes; plane++) {
        sum += product[static_cast<int64_t>(plane) * static_cast<int64_t>(p.plane_stride) + column];
    }

    const float value = sum + bias_of(p, column);
    return before + (delta == nullptr ? value : value + delta[column]);
}

// What a row is added up of, four columns of it.
template <int Planes>
struct RowParts {
    Float4 product[Planes], delta, before;
};

constexpr Float4 kNoFloats = {{0, 0, 0, 0}};

template <int Planes>
SRV_DEVICE RowParts<Planes> load_parts(const srv_linear_params& p, const float* product, const float* delta, const float* residual, int column) {
    RowParts<Planes> parts;
    SRV_UNROLL
    for (int plane = 0; plane < Planes; plane++) {
        parts.product[plane] = plane < p.planes ? load_floats(product + column) : kNoFloats;
        product += p.plane_stride;
    }

    parts.delta = delta == nullptr ? kNoFloats : load_floats(delta + column);
    parts.before = load_floats(residual + column);
    return parts;
}

template <int Planes>
SRV_DEVICE Float4 added_four(const srv_linear_params& p, RowParts<Planes> parts, bool adapted, int column) {
    const Float4 bias = p.bias == 0 ? kNoFloats : load_widened(at<const uint16_t>(p.bias) + column);
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        float sum = parts.product[0].v[i];
        SRV_UNROLL
        for (int plane = 1; plane < Planes; plane++) {
            sum = plane < p.planes ? sum + parts.product[plane].v[i] : sum;
        }

        const float value = sum + bias.v[i];
        parts.before.v[i] += adapted ? value + parts.delta.v[i] : value;
    }

    return parts.before;
}

// Adds a row to the residual stream and keeps what comes out in x, each thread the columns that sum_of_squares gives it. Four steps are asked for before the first
// is stored: the compiler cannot know that what is stored is not what is loaded next.
template <int Planes>
SRV_DEVICE void add_row(const srv_linear_params& p, int row, const float* delta, float* x) {
    constexpr int kSteps = 4;
    const float* product = row_of<const float>(p.product, row, p.product_stride);
    float* residual = row_of<float>(p.output, row, p.output_stride);
    for (int first = static_cast<int>(ptx::thread_index()) * 4; first < p.columns; first += kSteps * 1024) {
        RowParts<Planes> parts[kSteps];
        SRV_UNROLL
        for (int i = 0; i < kSteps; i++) {
            if (first + i * 1024 + 4 <= p.columns) {
                parts[i] = load_parts<Planes>(p, product, delta, residual, first + i * 1024);
            }
        }

        SRV_UNROLL
        for (int i = 0; i < kSteps; i++) {
            const int k = first + i * 1024;
            if (k + 4 <= p.columns) {
                const Float4 sum = added_four(p, parts[i], delta != nullptr, k);
                store_floats(residual + k, sum);
                store_floats(x + k, sum);
                continue;
            }

            for (int j = k; j < p.columns; j++) {
                x[j] = residual[j] = added_one(p, product, delta, residual[j], j);
            }
        }
    }
}

template <int Planes>
SRV_DEVICE void finish_rows(const srv_finish_norm_params& p) {
    const srv_linear_params& linear = p.linear;
    float* scratch = reinterpret_cast<float*>(ptx::dynamic_shared());
    float* x = scratch + 16;
    const int rows = count_at(linear.row_count);
    ptx::await_producers();
    ptx::release_dependents();
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        add_row<Planes>(linear, row, row_delta(linear, row, 0), x);
        const float sum = block_sum(sum_of_squares(x, linear.columns), scratch);
        write_normed(x, p.norm, norm_factor(sum, linear.columns, p.norm.epsilon), RoundedRow{row_of<uint16_t>(p.norm.output, row, p.norm.output_stride)}, linear.columns);
        ptx::barrier();
    }
}

SRV_KERNEL(srv_finish_rms_norm, srv_finish_norm_params, 256) { finish_rows<2>(p); }

// Of more planes: the registers that these take would halve the blocks of the kernel above, which steps of many rows need.
SRV_KERNEL_OF_MANY(srv_finish_rms_norm_planes, srv_finish_norm_params, 256, 1) { finish_rows<SRV_MAX_PLANES>(p); }
