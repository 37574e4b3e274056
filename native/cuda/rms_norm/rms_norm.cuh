// output = round(input * rsqrt(mean(input^2) + epsilon) * (offset + weight)), in fp32; or unrounded to an output in fp32, or added to it; or the input, rounded.
//
// Memory: a block per row, 16 bytes per thread and step; the second pass over the row finds it in L1.
// Bytes per row: 4 columns read, 2 columns written; the weight's 2 columns stay in L2. Operations: 4 per column.
// Order: thread t adds the squares of columns 4 t .. 4 t + 3, then of those 1,024 further on, one chain of fma; then the tree of block_sum. Warps that would own no column
// are left out: they would add zeros.
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

// Where what is normed goes: rounded to its own buffer, unrounded to columns of one, or onto what is there.
struct RoundedRow {
    uint16_t* y;

    SRV_DEVICE void put(int k, const Float4& value) const { store_rounded(y + k, value); }
    SRV_DEVICE void put_one(int k, float value) const { y[k] = ptx::to_bf16(value); }
};

struct KeptRow {
    float* y;

    SRV_DEVICE void put(int k, const Float4& value) const { store_floats(y + k, value); }
    SRV_DEVICE void put_one(int k, float value) const { y[k] = value; }
};

struct ResidualRow {
    float* y;

    SRV_DEVICE void put(int k, const Float4& value) const {
        const Float4 before = load_floats(y + k);
        store_floats(y + k, {{before.v[0] + value.v[0], before.v[1] + value.v[1], before.v[2] + value.v[2], before.v[3] + value.v[3]}});
    }

    SRV_DEVICE void put_one(int k, float value) const { y[k] += value; }
};

template <class Row>
SRV_DEVICE void write_normed(const float* x, const srv_rms_norm_params& p, float factor, Row to, int columns) {
    const uint16_t* weight = at<const uint16_t>(p.weight);
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            const Float4 v = load_floats(x + k);
            Float4 w = load_widened(weight + k);
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                w.v[i] = v.v[i] * factor * (p.offset + w.v[i]);
            }

            to.put(k, w);
        } else {
            for (int i = k; i < columns; i++) {
                to.put_one(i, x[i] * factor * (p.offset + ptx::from_bf16(weight[i])));
            }
        }
    }
}

SRV_DEVICE void round_row(const float* x, RoundedRow to, int columns) {
    for (int k = static_cast<int>(ptx::thread_index()) * 4; k < columns; k += 1024) {
        if (k + 4 <= columns) {
            to.put(k, load_floats(x + k));
        } else {
            for (int i = k; i < columns; i++) {
                to.put_one(i, x[i]);
            }
        }
    }
}

SRV_KERNEL(srv_rms_norm, srv_rms_norm_params, 256) {
    float* scratch = reinterpret_cast<float*>(ptx::dynamic_shared());
    const int rows = count_at(p.row_count);
    for (int row = static_cast<int>(ptx::block_index()); row < rows; row += static_cast<int>(ptx::block_count())) {
        const float* x = row_of<const float>(p.input, row, p.input_stride);
        if (p.weight == 0) {
            round_row(x, RoundedRow{row_of<uint16_t>(p.output, row, p.output_stride)}, p.columns);
            continue;
        }

        const float sum = block_sum(sum_of_squares(x, p.columns), scratch);
        const float factor = norm_factor(sum, p.columns, p.epsilon);
        if (p.mode == 0) {
            write_normed(x, p, factor, RoundedRow{row_of<uint16_t>(p.output, row, p.output_stride)}, p.columns);
        } else if (p.mode == 1) {
            write_normed(x, p, factor, KeptRow{row_of<float>(p.output, row, p.output_stride)}, p.columns);
        } else {
            write_normed(x, p, factor, ResidualRow{row_of<float>(p.output, row, p.output_stride)}, p.columns);
        }

        ptx::barrier();
    }
}
