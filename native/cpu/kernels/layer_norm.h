// LayerNorm, and MLPs without gates. Rows are dealt to the workers as those of rows.h are.

// The sum, in 16 chains across lanes.
SRV_INLINE float mean_of(const float* x, int count) {
    Vector sum = zero();
    int k = 0;
    for (; k + kLanes <= count; k += kLanes) {
        sum = add(sum, load(x + k));
    }

    if (k < count) {
        sum = add(sum, load_first(x + k, count - k));
    }

    return sum_lanes(sum) / static_cast<float>(count);
}

// The sum of squares of what differs from the mean, in the same chains. Behind the last element nothing differs.
SRV_INLINE float variance_of(const float* x, Vector mean, int count) {
    Vector sum = zero();
    int k = 0;
    for (; k + kLanes <= count; k += kLanes) {
        const Vector v = sub(load(x + k), mean);
        sum = fma(v, v, sum);
    }

    if (k < count) {
        const Vector v = keep_first(sub(load_first(x + k, count - k), mean), count - k, zero());
        sum = fma(v, v, sum);
    }

    return sum_lanes(sum) / static_cast<float>(count);
}

// A row or a head whose elements are normed together.
template <class Put>
SRV_INLINE void norm_centred(const float* x, const float* weight, const float* bias, int columns, float epsilon, Put put) {
    const Vector mean = splat(mean_of(x, columns));
    const Vector scale = splat(1.0f / square_root(variance_of(x, mean, columns) + epsilon));
    for (int k = 0; k < columns; k += kLanes) {
        const int count = columns - k < kLanes ? columns - k : kLanes;
        const Vector normed = mul(mul(sub(load_first(x + k, count), mean), scale), load_first(weight + k, count));
        put(k, bias == nullptr ? normed : add(normed, load_first(bias + k, count)), count);
    }
}

static void layer_norm(const Engine& engine, const srv_op& op, int rows, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const float* weight = vector_weight(engine, op.weight);
    const float* bias = op.bias < 0 ? nullptr : vector_weight(engine, op.bias);
    const int width = engine.weight_table[op.weight].columns;
    const int columns = op.mode == 1 ? engine.program.head_size : width;
    const Share share = share_of(engine, rows, worker);
    for (int row = share.first; row < share.end; row++) {
        for (int first = 0; first < width; first += columns) {
            const float* x = reinterpret_cast<const float*>(input.data) + static_cast<int64_t>(row) * input.stride + op.first_column + first;
            const int64_t at = static_cast<int64_t>(row) * output.stride + op.first_column + first;
            const float* of_bias = bias == nullptr ? nullptr : bias + first;
            if (op.mode == 1) {
                float* y = reinterpret_cast<float*>(output.data) + at;
                norm_centred(x, weight + first, of_bias, columns, op.epsilon, [y](int k, Vector value, int count) { store_first(y + k, value, count); });
            } else {
                Activation* y = reinterpret_cast<Activation*>(output.data) + at;
                norm_centred(x, weight + first, of_bias, columns, op.epsilon, [y](int k, Vector value, int count) { store_rounded_first(y + k, value, count); });
            }
        }
    }
}

struct GeluAlone {
    SRV_MEMBER Vector of(Vector x, const float*) { return Gelu::times(x, splat(1.0f), 0); }
};

struct SquaredRelu {
    SRV_MEMBER Vector of(Vector x, const float*) {
        const Vector positive = larger(x, zero());
        return mul(positive, positive);
    }
};

// e^x - 1 of x up to 0: from -1/2 on by its Taylor polynomial of degree 9, as 1 is lost from e^x there.
SRV_INLINE Vector exponential_less_one(Vector x) {
    const Vector near = larger(x, splat(-0.5f));
    Vector p = splat(1.0f / 9);
    for (int k = 8; k > 1; k--) {
        p = fma(mul(near, p), splat(1.0f / static_cast<float>(k)), splat(1.0f / static_cast<float>(k)));
    }

    p = fma(mul(near, p), near, near);
    return where_less(x, splat(-0.5f), sub(exponential(x), splat(1.0f)), p);
}

// By p, n, b, m: p x^2 + b x above 0, (b + n) (e^min(x, m) - 1 - x) + b x elsewhere.
struct XIelu {
    SRV_MEMBER Vector of(Vector x, const float* numbers) {
        const Vector above = mul(mul(x, x), splat(numbers[0]));
        const Vector below = mul(sub(exponential_less_one(smaller(x, splat(numbers[3]))), x), splat(numbers[2] + numbers[1]));
        return add(where_less(zero(), x, above, below), mul(x, splat(numbers[2])));
    }
};

// Units of 256 columns, as gate_mul's.
template <class Of>
static void activate(const Engine& engine, const srv_op& op, int rows, int worker) {
    const Buffer& input = engine.buffers[op.input];
    const Buffer& output = engine.buffers[op.output];
    const float* numbers = op.weight < 0 ? nullptr : vector_weight(engine, op.weight);
    constexpr int kChunk = 256;
    const int chunks = (output.columns + kChunk - 1) / kChunk;
    const Share share = share_of(engine, rows * chunks, worker);
    for (int unit = share.first; unit < share.end; unit++) {
        const int64_t row = unit / chunks;
        const int first = unit % chunks * kChunk;
        const int end = first + kChunk < output.columns ? first + kChunk : output.columns;
        const Activation* x = reinterpret_cast<const Activation*>(input.data) + row * input.stride;
        Activation* y = reinterpret_cast<Activation*>(output.data) + row * output.stride;
        for (int k = first; k < end; k += kLanes) {
            // The row's padding makes whole vectors readable; only the row's own columns are written.
            const Vector value = Of::of(load_activation(x + k), numbers);
            if (k + kLanes <= end) {
                store_rounded(y + k, value);
            } else {
                store_rounded_first(y + k, value, end - k);
            }
        }
    }
}
