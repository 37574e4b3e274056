// Operations on single rows: embed, RMSNorm, gate·mul, gather. Rows are dealt to the workers in contiguous shares.

struct Share {
    int first;
    int end;
};

SRV_INLINE Share share_of(const Engine& engine, int count, int worker) {
    const int64_t workers = engine.pool.count();
    return {static_cast<int>(count * worker / workers), static_cast<int>(count * (worker + int64_t{1}) / workers)};
}

SRV_INLINE const float* vector_weight(const Engine& engine, int index) {
    return reinterpret_cast<const float*>(engine.weights.data + engine.weight_table[index].offset);
}

// scale × integer, which fp32 holds exactly. An embedding's groups have no offsets.
static void embed_integers(const Engine& engine, const Weight& weight, int token, float by, float* to) {
    const int64_t panel_bytes = weight.bytes / weight.panel_count;
    const uint8_t* panel = engine.weights.data + weight.offset + token / kLanes * panel_bytes;
    for (int k = 0; k < weight.columns; k++) {
        const uint8_t* block = panel + k / kBlockInputs * (panel_bytes / weight.blocks);
        uint16_t scale;
        __builtin_memcpy(&scale, block + (k % kBlockInputs / kGroup * kLanes + token % kLanes) * 2, sizeof scale);
        to[k] = widen(scale) * static_cast<float>(integer_of(block + kScaleBytes, weight.format, k % kBlockInputs, token % kLanes)) * by;
    }
}

// A row of the embedding lies in its panel as pairs, 64 bytes apart.
static void embed(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const Weight& weight = engine.weight_table[op.weight];
    const Buffer& output = engine.buffers[op.output];
    const auto* base = reinterpret_cast<const uint16_t*>(engine.weights.data + weight.offset);
    const Share share = share_of(engine, job.step->row_count, worker);
    for (int row = share.first; row < share.end; row++) {
        const int given = job.step->token_ids[row];
        const int token = given < 0 ? engine.fed_tokens[~given] : given;
        engine.pending_tokens[row] = given < 0 ? token : -1;
        const uint16_t* from = base + static_cast<int64_t>(token / kLanes) * weight.pairs * 2 * kLanes + token % kLanes * 2;
        float* to = reinterpret_cast<float*>(output.data) + static_cast<int64_t>(row) * output.stride;
        if (weight.format != SRV_FORMAT_BF16) {
            embed_integers(engine, weight, token, op.scale, to);
            continue;
        }

        for (int k = 0; k < weight.columns; k++) {
            to[k] = widen(from[k / 2 * 2 * kLanes + k % 2]) * op.scale;
        }
    }
}

// The sum of squares, in 16 chains across lanes.
SRV_INLINE float square_sum(const float* x, int count) {
    Vector sum = zero();
    int k = 0;
    for (; k + kLanes <= count; k += kLanes) {
        const Vector v = load(x + k);
        sum = fma(v, v, sum);
    }

    if (k < count) {
        const Vector v = load_first(x + k, count - k);
        sum = fma(v, v, sum);
    }

    return sum_lanes(sum);
}

SRV_INLINE float mean_square(const float* x, int count) { return square_sum(x, count) / static_cast<float>(count); }

// output += norm(x) · weight, unrounded.
SRV_INLINE void add_norm(const float* x, Vector scale, const float* weight, float* y, int columns) {
    int k = 0;
    for (; k + kLanes <= columns; k += kLanes) {
        store(y + k, add(load(y + k), mul(mul(load(x + k), scale), load(weight + k))));
    }

    if (k < columns) {
        const int left = columns - k;
        store_first(y + k, add(load_first(y + k, left), mul(mul(load_first(x + k, left), scale), load_first(weight + k, left))), left);
    }
}

// output = x, rounded: what stands in a norm's place where a model has none.
static void round_rows(const Engine& engine, const srv_op& op, int rows, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const Share share = share_of(engine, rows, worker);
    for (int row = share.first; row < share.end; row++) {
        const float* x = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(row) * input.stride;
        Activation* y = reinterpret_cast<Activation*>(output.data) + static_cast<int64_t>(row) * output.stride;
        for (int k = 0; k < input.columns; k += kLanes) {
            const int count = input.columns - k < kLanes ? input.columns - k : kLanes;
            store_rounded_first(y + k, load_first(x + k, count), count);
        }
    }
}

// Columns of a row as one, unrounded, their neighbours left alone; x and y may be the same.
SRV_INLINE void norm_columns(const float* x, Vector scale, const float* weight, float* y, int columns) {
    for (int k = 0; k < columns; k += kLanes) {
        const int count = columns - k < kLanes ? columns - k : kLanes;
        store_first(y + k, mul(mul(load_first(x + k, count), scale), load_first(weight + k, count)), count);
    }
}

static void rms_norm(const Engine& engine, const srv_op& op, int rows, int worker) {
    if (op.weight < 0) {
        round_rows(engine, op, rows, worker);
        return;
    }

    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const float* weight = vector_weight(engine, op.weight);
    const int columns = op.mode == 1 ? engine.weight_table[op.weight].columns : input.columns;
    const Share share = share_of(engine, rows, worker);
    for (int row = share.first; row < share.end; row++) {
        const float* x = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(row) * input.stride + op.first_column;
        const int64_t at = static_cast<int64_t>(row) * output.stride + op.first_column;
        const Vector scale = splat(1.0f / square_root(mean_square(x, columns) + op.epsilon));
        if (op.mode == 1) {
            norm_columns(x, scale, weight, reinterpret_cast<float*>(output.data) + at, columns);
            continue;
        }

        if (op.mode == 2) {
            add_norm(x, scale, weight, reinterpret_cast<float*>(output.data) + at, columns);
            continue;
        }

        Activation* y = reinterpret_cast<Activation*>(output.data) + at;
        int k = 0;
        for (; k + kLanes <= columns; k += kLanes) {
            store_rounded(y + k, mul(mul(load(x + k), scale), load(weight + k)));
        }

        if (k < columns) {
            store_rounded_first(y + k, mul(mul(load_first(x + k, columns - k), scale), load_first(weight + k, columns - k)), columns - k);
        }
    }
}

// gate · σ(z) · up: z is the gate itself for SiLU, and 2 √(2 / π) (x + 0.044715 x³) for GELU by tanh, as ½ (1 + tanh u) = σ(2u).
SRV_INLINE Vector gate_times(Vector gate, Vector z, Vector up) {
    const Vector one = splat(1.0f);
    return mul(div(gate, add(one, exponential(sub(zero(), z)))), up);
}

struct Silu {
    SRV_INLINE Vector times(Vector gate, Vector up, float) { return gate_times(gate, gate, up); }
};

// GELU by σ(1.702 x) of a gate that is bounded from above, times up, bounded on both sides, + 1.
struct SwigluOai {
    SRV_INLINE Vector times(Vector gate, Vector up, float limit) {
        const Vector bounded = smaller(gate, splat(limit));
        return gate_times(bounded, mul(bounded, splat(1.702f)), add(smaller(larger(up, splat(-limit)), splat(limit)), splat(1.0f)));
    }
};

struct Gelu {
    SRV_INLINE Vector times(Vector gate, Vector up, float) {
        const Vector cubic = mul(mul(mul(gate, gate), splat(0.044715f)), gate);
        return gate_times(gate, mul(add(gate, cubic), splat(1.5957691216f)), up);
    }
};

// What a gate's product is multiplied by: the logistic function of the row's factor, or 1.
SRV_INLINE Vector factor_of(const Engine& engine, const srv_op& op, int row) {
    const Vector one = splat(1.0f);
    if (op.factor < 0) {
        return one;
    }

    const Buffer& factors = engine.buffers[op.factor];
    const float factor = reinterpret_cast<const float*>(factors.data)[static_cast<int64_t>(row) * factors.stride];
    return div(one, add(one, exponential(splat(-factor))));
}

// Rows and columns both: units of 256 columns, so that one row keeps several workers busy.
template <class Gate>
static void gate_mul(const Engine& engine, const srv_op& op, int rows, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const int columns = output.columns;
    constexpr int kChunk = 256;
    const int chunks = (columns + kChunk - 1) / kChunk;
    const Share share = share_of(engine, rows * chunks, worker);
    for (int unit = share.first; unit < share.end; unit++) {
        const int row = unit / chunks;
        const int first = unit % chunks * kChunk;
        const int end = first + kChunk < columns ? first + kChunk : columns;
        const Activation* gate = reinterpret_cast<const Activation*>(input.data) + static_cast<int64_t>(row) * input.stride;
        const Activation* up = gate + columns;
        const Vector factor = factor_of(engine, op, row);
        Activation* y = reinterpret_cast<Activation*>(output.data) + static_cast<int64_t>(row) * output.stride;
        int k = first;
        for (; k + kLanes <= end; k += kLanes) {
            store_rounded(y + k, mul(Gate::times(load_activation(gate + k), load_activation(up + k), op.cap), factor));
        }

        if (k < end) {
            // The row's padding makes whole vectors readable; only the row's own columns are written.
            store_rounded_first(y + k, mul(Gate::times(load_activation(gate + k), load_activation(up + k), op.cap), factor), end - k);
        }
    }
}

static void gather(const Engine& engine, const StepJob& job, const srv_op& op, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const Share share = share_of(engine, job.step->output_count, worker);
    for (int i = share.first; i < share.end; i++) {
        const float* from = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(job.step->outputs[i].row) * input.stride;
        __builtin_memcpy(reinterpret_cast<float*>(output.data) + static_cast<int64_t>(i) * output.stride, from, static_cast<size_t>(input.columns) * sizeof *from);
    }
}

// Copies whole heads of a page: the first tokens of every K block (columns of its pair rows) and V block (pair rows).
static void copy_pages(const Engine& engine, const StepJob& job, int worker) {
    const int head_size = engine.program.head_size;
    const int heads = engine.program.layer_count * engine.program.kv_head_count;
    const Share share = share_of(engine, heads, worker);
    for (int i = 0; i < job.step->copy_count; i++) {
        const srv_page_copy& copy = job.step->copies[i];
        for (int unit = share.first; unit < share.end; unit++) {
            const int layer = unit / engine.program.kv_head_count;
            const int head = unit % engine.program.kv_head_count;
            if (has_integers(engine)) {
                copy_integer_head(engine, copy, layer, head);
                continue;
            }

            const uint16_t* k = page_keys(engine, copy.source, layer, head);
            uint16_t* to = page_keys(engine, copy.destination, layer, head);
            for (int p = 0; p < head_size / 2; p++) {
                __builtin_memcpy(to + p * 2 * kPageTokens, k + p * 2 * kPageTokens, static_cast<size_t>(copy.tokens) * 2 * sizeof *k);
            }

            for (int t = 0; t < copy.tokens; t++) {
                copy_value_token(page_values(engine, copy.source, layer, head), t, page_values(engine, copy.destination, layer, head), kPageTokens, t, head_size,
                    head_size);
            }
        }
    }
}
