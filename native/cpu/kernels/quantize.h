// Rounds the input of a Linear over a matrix of integers, see integer/integer.h.

// A group's largest magnitude below this counts as zero: the factor that spreads it over 127 steps would not be finite.
constexpr float kSmallest = 1e-30f;

SRV_INLINE Vector magnitude(Vector x) { return larger(x, sub(zero(), x)); }

SRV_INLINE void quantize_group(const Activation* x, const IntegerRows& to, int64_t row, int group, int offset) {
    const Vector a = load_activation(x);
    const Vector b = load_activation(x + kLanes);
    const float largest = max_lanes(larger(magnitude(a), magnitude(b)));
    const Vector factor = splat(largest > kSmallest ? 127.0f / largest : 0.0f);
    const Vector qa = nearest(mul(a, factor));
    const Vector qb = nearest(mul(b, factor));
    int8_t* values = to.values + row * to.stride + group * kGroup;
    store_int8(values, qa);
    store_int8(values + kLanes, qb);
    const float scale = largest / 127.0f;
    const float sum = sum_lanes(add(qa, qb));  // whole numbers below 2^13: exact
    const int64_t at = row * to.groups + group;
    to.scales[at] = scale;
    to.sums[at] = scale * sum;
    to.starts[at] = -offset * static_cast<int32_t>(sum);
}

// Rows and columns both: units of 8 groups, so that one row keeps several workers busy. A row's padding is zero.
static void quantize_rows(const Engine& engine, const Activation* x, int64_t x_stride, int rows, const Weight& weight, int worker) {
    constexpr int kChunk = 8;
    const IntegerRows& to = engine.integer_rows;
    const int offset = offset_of(weight.format);
    const int groups = 2 * weight.blocks;
    const int chunks = (groups + kChunk - 1) / kChunk;
    const Share share = share_of(engine, rows * chunks, worker);
    for (int unit = share.first; unit < share.end; unit++) {
        const int64_t row = unit / chunks;
        const int first = unit % chunks * kChunk;
        for (int g = first; g < groups && g < first + kChunk; g++) {
            quantize_group(x + row * x_stride + g * kGroup, to, row, g, offset);
        }
    }
}
