// The gated delta rule of a value head, token by token, with the norm and gate behind it (Serving.Compute.Programs.DeltaRuleOp).
//
// Memory: a block is a sequence and a value head, a thread a column of the head's state S, whose key_size elements are registers from the version that is read to the one that is written; rows of both
// are read and written by neighbouring threads. Keys and queries of 16 rows lie in shared memory, read by all threads at once. The norm needs the whole head, so a head is not cut into blocks: it
// would not be faster, as each warp of four has a scheduler to itself.
// Bytes per sequence and head: 8 * key_size * value_size of state, read and written once a step, 128 KiB for heads of 128; per row 4 * (2 * key_size + 2 * value_size + 2) read, 2 * value_size
// written. A decoding step is bound by them: 32 sequences of 32 heads are 134 MB a layer, 28 us at 4.8 TB/s.
// Operations per row and head: 7 * key_size * value_size (a product, two chains of fma, an fma), which are 4 instructions of a thread per element.
// A prompt is bound by its length: rows of a head follow each other. A row takes a warp's scheduler 4 * 128 instructions and 96 loads of 16 bytes for heads of 128, about 610 cycles, 0.35 us at 1.75 GHz;
// the two chains of 128 fma run beside each other in 512. What stands around 16 rows (loads, sums of squares, the norm) is some 2,000 cycles more, which a second block on the multiprocessor hides.
// 8,192 tokens are 2.9 ms a layer, 3.5 with what is not hidden, while sequences * heads are no more than there are multiprocessors.
// The chunked form (arXiv 2412.06464, section 3.3) would make these products of matrices: within a chunk of C rows, with G the running product of decays, solve the unit lower triangular system
// (I + tril(diag(beta) (G_i / G_j) K K^T, -1)) [W, U] = diag(beta) [diag(G) K, V], then U - W S, O = diag(G) Q S + tril((G_i / G_j) Q K^T) (U - W S) and S <- G_C S + K^T diag(G_C / G) (U - W S): for C = 64 and
// heads of 128 about 2.5 times the operations, but on tensor cores and in 1 / 64 of the dependent steps. Its sums depend on where a chunk begins, so chunks would have to begin at multiples of 64 of a
// sequence's ordinals, prompts be cut there and nowhere else, and decoding take part rows; products in bf16 or tf32 would round S, which decays keep for thousands of rows. It is not built.
// Order: sums over key_size are chains of fma from zero, ascending: those of squares, of q k, of k S and q S. o is q (decayed S) + (q k) (what is written), which is q S behind the write; so both chains read
// S once. The norm's sum: a lane's columns ascending, then the warp's tree. Nothing depends on where rows begin or how many there are, and S is kept as it is: a prompt's bits do not depend on its chunks.
#pragma once
#include "../common/norm.cuh"
#include "../common/reduce.cuh"
#include "../silu_mul/silu.cuh"
#include "state.cuh"

constexpr int kDeltaGroup = 16; // elements of a key that are gone through without asking for its end

// What 16 rows of a head lie in.
struct DeltaRows {
    float* q;      // [rows][stride], zeros behind key_size
    float* k;      // the same
    float* out;    // [rows][value_size]
    float* scalar; // [5][rows]
    int stride;    // 4 more than a whole number of groups: eight rows' pieces of 16 bytes lie in different banks

    SRV_DEVICE DeltaRows(const srv_delta_rule_params& p)
        : q(reinterpret_cast<float*>(ptx::dynamic_shared())), stride(ceil_div(p.key_size, kDeltaGroup) * kDeltaGroup + 4) {
        k = q + SRV_DELTA_ROWS * stride;
        out = k + SRV_DELTA_ROWS * stride;
        scalar = out + SRV_DELTA_ROWS * p.value_size;
    }
};

// A row's numbers in DeltaRows::scalar.
enum { kQueryFactor, kKeyFactor, kQueryKey, kBeta, kDecay, kDeltaScalars };

SRV_DEVICE void load_state(const srv_delta_rule_params& p, int version, int from, float (&s)[SRV_MAX_KEY_SIZE]) {
    if (version < 0) {
        SRV_UNROLL
        for (int i = 0; i < SRV_MAX_KEY_SIZE; i++) {
            s[i] = 0;
        }

        return;
    }

    StateWalk walk(p.state, version, from);
    SRV_UNROLL
    for (int i = 0; i < SRV_MAX_KEY_SIZE; i++) {
        if (i > 0 && i < p.key_size) {
            walk.go(p.value_size);
        }

        s[i] = i < p.key_size ? walk.here() : 0.0f;
    }
}

SRV_DEVICE void store_state(const srv_delta_rule_params& p, int version, int from, const float (&s)[SRV_MAX_KEY_SIZE]) {
    StateWalk walk(p.state, version, from);
    SRV_UNROLL
    for (int i = 0; i < SRV_MAX_KEY_SIZE; i++) {
        if (i < p.key_size) {
            if (i > 0) {
                walk.go(p.value_size);
            }

            walk.here() = s[i];
        }
    }
}

// Keys and queries of some rows, one behind the other, to shared memory.
SRV_DEVICE void load_keys(const srv_delta_rule_params& p, const DeltaRows& to, int first_row, int rows, int key_head) {
    const int width = to.stride - 4;
    for (int i = static_cast<int>(ptx::thread_index()); i < rows * width; i += static_cast<int>(ptx::block_size())) {
        const int row = i / width, element = i % width;
        const float* from = row_of<const float>(p.input, first_row + row, p.input_stride) + key_head * p.key_size + element;
        to.q[row * to.stride + element] = element < p.key_size ? from[0] : 0.0f;
        to.k[row * to.stride + element] = element < p.key_size ? from[p.key_heads * p.key_size] : 0.0f;
    }
}

SRV_DEVICE float ascending_dot(const float* a, const float* b, int elements) {
    float sum = 0;
    for (int i = 0; i < elements; i += 4) {
        const Float4 x = load_floats(a + i), y = load_floats(b + i);
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            sum = ptx::fma(x.v[j], y.v[j], sum);
        }
    }

    return sum;
}

// ln(1 + e^x); above 20 it is x, to the last bit.
SRV_DEVICE float softplus(float x) { return x > 20.0f ? x : static_cast<float>(natural_logarithm(1.0 + static_cast<double>(exponential(x)))); }

// One of a row's numbers: the reciprocal lengths of q and k, q k as they come, beta or the decay.
SRV_DEVICE float scalar_of(const srv_delta_rule_params& p, const DeltaRows& in, int first_row, int row, int head, int which) {
    const int width = in.stride - 4;
    const float *q = in.q + row * in.stride, *k = in.k + row * in.stride;
    if (which < kBeta) {
        const float sum = ascending_dot(which == kKeyFactor ? k : q, which == kQueryFactor ? q : k, width);
        const float factor = ptx::rcp_rn(ptx::sqrt_rn(sum + 1e-6f));
        return which == kQueryKey ? sum : which == kQueryFactor ? factor * p.query_scale : factor;
    }

    const float* rates = row_of<const float>(p.rates, first_row + row, p.rates_stride) + head;
    return which == kBeta ? gated(1.0f, rates[0]) : exponential(at<const float>(p.rate)[head] * softplus(rates[p.value_heads] + at<const float>(p.decay_bias)[head]));
}

// A row's column: S <- decay S; S <- S + k (v - k S) beta; q S. Factors of q and k are taken out of the sums.
SRV_DEVICE float advance(const srv_delta_rule_params& p, const DeltaRows& in, int row, float v, float (&s)[SRV_MAX_KEY_SIZE]) {
    const float *q = in.q + row * in.stride, *k = in.k + row * in.stride;
    const float* scalar = in.scalar + row;
    const float decay = scalar[kDecay * SRV_DELTA_ROWS];
    const float query_factor = scalar[kQueryFactor * SRV_DELTA_ROWS], key_factor = scalar[kKeyFactor * SRV_DELTA_ROWS];
    float of_key = 0, of_query = 0;
    SRV_UNROLL
    for (int i = 0; i < SRV_MAX_KEY_SIZE; i += kDeltaGroup) {
        if (i < p.key_size) {
            SRV_UNROLL
            for (int j = i; j < i + kDeltaGroup; j += 4) {
                const Float4 keys = load_floats(k + j), queries = load_floats(q + j);
                SRV_UNROLL
                for (int n = 0; n < 4; n++) {
                    s[j + n] *= decay;
                    of_key = ptx::fma(keys.v[n], s[j + n], of_key);
                    of_query = ptx::fma(queries.v[n], s[j + n], of_query);
                }
            }
        }
    }

    const float written = (v - key_factor * of_key) * scalar[kBeta * SRV_DELTA_ROWS];
    const float by_key = key_factor * written;
    SRV_UNROLL
    for (int i = 0; i < SRV_MAX_KEY_SIZE; i += kDeltaGroup) {
        if (i < p.key_size) {
            SRV_UNROLL
            for (int j = i; j < i + kDeltaGroup; j += 4) {
                const Float4 keys = load_floats(k + j);
                SRV_UNROLL
                for (int n = 0; n < 4; n++) {
                    s[j + n] = ptx::fma(keys.v[n], by_key, s[j + n]);
                }
            }
        }
    }

    return ptx::fma(scalar[kQueryKey * SRV_DELTA_ROWS] * query_factor, by_key, query_factor * of_query);
}

// Columns of some rows, one row after the other: no thread waits for another.
SRV_DEVICE void advance_rows(const srv_delta_rule_params& p, const DeltaRows& in, int first_row, int rows, int head, float (&s)[SRV_MAX_KEY_SIZE]) {
    const int column = static_cast<int>(ptx::thread_index());
    const float* values = row_of<const float>(p.input, first_row, p.input_stride) + 2 * p.key_heads * p.key_size + head * p.value_size + column;
    float next = values[0];
    for (int row = 0; row < rows; row++) {
        const float v = next;
        next = row + 1 < rows ? values[static_cast<int64_t>(row + 1) * p.input_stride] : 0.0f;
        in.out[row * p.value_size + column] = advance(p, in, row, v, s);
    }
}

// A warp per row.
SRV_DEVICE void norm_rows(const srv_delta_rule_params& p, const DeltaRows& in, int first_row, int rows, int head) {
    const float* norm = at<const float>(p.norm);
    for (int row = static_cast<int>(ptx::warp()); row < rows; row += static_cast<int>(ptx::block_size()) / 32) {
        const float* o = in.out + row * p.value_size;
        const float* gate = row_of<const float>(p.gate, first_row + row, p.gate_stride) + head * p.value_size;
        uint16_t* y = row_of<uint16_t>(p.output, first_row + row, p.output_stride) + head * p.value_size;
        float sum = 0;
        for (int i = static_cast<int>(ptx::lane()); i < p.value_size; i += 32) {
            sum = ptx::fma(o[i], o[i], sum);
        }

        const float factor = norm_factor(warp_sum(sum), p.value_size, p.epsilon);
        for (int i = static_cast<int>(ptx::lane()); i < p.value_size; i += 32) {
            y[i] = ptx::to_bf16(o[i] * factor * norm[i] * gated(gate[i], gate[i]));
        }
    }
}

SRV_KERNEL(srv_delta_rule, srv_delta_rule_params, SRV_MAX_VALUE_SIZE) {
    const DeltaRows shared(p);
    const int column = static_cast<int>(ptx::thread_index());
    const int units = count_at(p.state.sequence_count) * p.value_heads;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const srv_sequence sequence = at<const srv_sequence>(p.state.sequences)[unit / p.value_heads];
        const int head = unit % p.value_heads;
        const int from = head * p.key_size * p.value_size + column;
        float s[SRV_MAX_KEY_SIZE];
        if (column < p.value_size) {
            load_state(p, sequence.state_read, from, s);
        }

        for (int first = 0; first < sequence.row_count; first += SRV_DELTA_ROWS) {
            const int row = sequence.first_row + first, rows = smaller(SRV_DELTA_ROWS, sequence.row_count - first);
            // Nobody reads keys any more, and numbers are written behind the barrier: the rows before are being normed.
            load_keys(p, shared, row, rows, head / (p.value_heads / p.key_heads));
            ptx::barrier();
            for (int i = column; i < kDeltaScalars * SRV_DELTA_ROWS; i += static_cast<int>(ptx::block_size())) {
                if (i % SRV_DELTA_ROWS < rows) {
                    shared.scalar[i] = scalar_of(p, shared, row, i % SRV_DELTA_ROWS, head, i / SRV_DELTA_ROWS);
                }
            }

            ptx::barrier();
            if (column < p.value_size) {
                advance_rows(p, shared, row, rows, head, s);
            }

            ptx::barrier();
            norm_rows(p, shared, row, rows, head);
        }

        if (column < p.value_size) {
            store_state(p, sequence.state_write, from, s);
        }
    }
}
