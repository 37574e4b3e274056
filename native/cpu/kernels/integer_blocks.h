// The operands of a block of 32 ordinals whose keys and values are integers. Few rows read them where they lie, converted in registers; for more they are made bf16 once, in scratch.
// Both are exact, so that a row's bits do not depend on which.

// Rows up to which reading integers again for every register tile costs less than writing them down. In tile order a block's values are joined in any case.
constexpr int kDirectRows = kTileOrder ? 0 : kTileRows;

// Where the tokens of half a block lie.
struct IntegerHalf {
    const int8_t* keys;  // [element][16 tokens], of a page or gathered; tokens beyond the valid ones may be anything
    const int8_t* rows[kPageTokens];  // of values; those beyond the valid ones repeat the first
};

SRV_INLINE void prefetch_integers(const int8_t* keys, const int8_t* values, int head_size) {
    for (int at = 0; at < kPageTokens * (head_size + 4); at += 64) {
        _mm_prefetch(reinterpret_cast<const char*>(keys + at), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(values + at), _MM_HINT_T0);
    }
}

// Asks for the pages of some ordinals.
SRV_INLINE void prefetch_ordinals(const Engine& engine, EntryCursor cursor, int layer, int head, int first, int end) {
    for (int at = first; at < end; at = cursor.start + cursor.entries[cursor.entry].valid_length) {
        seek(cursor, at);
        const int page = cursor.entries[cursor.entry].page;
        prefetch_integers(integer_keys(engine, page, layer, head), integer_values(engine, page, layer, head), engine.program.head_size);
    }
}

// Copies keys of runs that fill a panel from its first token on, as copy_key_runs does for bf16.
static void copy_integer_runs(const TokenRun* runs, int run_count, int8_t* to, int head_size) {
    for (int d = 0; d < head_size - 1; d++) {
        for (int r = 0; r < run_count; r++) {
            __builtin_memcpy(to + d * kPageTokens + runs[r].to_token, reinterpret_cast<const int8_t*>(runs[r].from) + d * kPageTokens + runs[r].token, kPageTokens);
        }
    }

    for (int r = 0; r < run_count; r++) {
        const int at = (head_size - 1) * kPageTokens;
        __builtin_memcpy(to + at + runs[r].to_token, reinterpret_cast<const int8_t*>(runs[r].from) + at + runs[r].token, static_cast<size_t>(runs[r].count));
    }
}

// Finds half a block's tokens and copies their scales, zeros behind them; keys that do not begin a page are gathered.
static IntegerHalf find_integers(const Engine& engine, EntryCursor& cursor, int layer, int head, int first, int count, int8_t* gathered, float* key_scales, float* value_scales) {
    const int head_size = engine.program.head_size;
    IntegerHalf half{};
    TokenRun runs[kPageTokens];
    int run_count = 0;
    store(key_scales, zero());
    store(value_scales, zero());
    seek(cursor, first);
    EntryCursor at = cursor;
    for (int t = 0; t < count;) {
        seek(at, first + t);
        const int token = first + t - at.start;
        const int length = run_length(at, first + t, count - t);
        const int page = at.entries[at.entry].page;
        const int8_t* keys = integer_keys(engine, page, layer, head);
        const int8_t* values = integer_values(engine, page, layer, head);
        runs[run_count++] = TokenRun{reinterpret_cast<const uint16_t*>(keys), token, t, length};
        for (int i = 0; i < length; i++) {
            key_scales[t + i] = scales_of(keys, head_size)[token + i];
            value_scales[t + i] = scales_of(values, head_size)[token + i];
            half.rows[t + i] = values + (token + i) * head_size;
        }

        t += length;
    }

    for (int t = count; t < kPageTokens; t++) {
        half.rows[t] = half.rows[0];
    }

    if (run_count == 1 && runs[0].token == 0) {
        half.keys = reinterpret_cast<const int8_t*>(runs[0].from);
        return half;
    }

    copy_integer_runs(runs, run_count, gathered, head_size);
    half.keys = gathered;
    return half;
}

// Integers as the K panel and the V panels that products of bf16 read. Of a head that is no multiple of 16 the last lanes of V hold what lies behind it, which no one reads.
static void widen_half(const Engine& engine, const AttentionScratch& s, const IntegerHalf& from, int half, BlockOperands& block) {
    const int head_size = engine.program.head_size;
    const int width = output_width(engine);
    uint16_t* keys = s.keys + half * s.query_stride * kPageTokens;
    for (int p = 0; p < head_size / 2; p++) {
        const int8_t* line = from.keys + p * 2 * kPageTokens;
        store_raw(keys + p * 2 * kPageTokens, raw_of(load_int8(line), load_int8(line + kPageTokens)));
    }

    __builtin_memset(keys + head_size * kPageTokens, 0, static_cast<size_t>(s.query_stride - head_size) * kPageTokens * sizeof *keys);
    constexpr int kTokens = kTileOrder ? kBlock : kPageTokens;
    uint16_t* values = s.values + half * kPageTokens * (kTileOrder ? kLanes : width);
    for (int d = 0; d < width; d += kLanes) {
        for (int p = 0; p < kPageTokens / 2; p++) {
            store_raw(values + d * kTokens + p * 2 * kLanes, raw_of(load_int8(from.rows[2 * p] + d), load_int8(from.rows[2 * p + 1] + d)));
        }
    }

    block.keys[half] = keys;
    block.values[half] = values;
}

static BlockOperands integer_operands(const Engine& engine, const AttentionScratch& s, EntryCursor& cursor, int layer, int head, int first, int count, bool direct) {
    BlockOperands block{};
    block.key_scales = s.key_scales;
    block.value_scales = s.value_scales;
    if (kTileOrder && count < kBlock) {
        __builtin_memset(s.values, 0, static_cast<size_t>(kBlock) * output_width(engine) * sizeof *s.values);
    }

    store(s.key_scales + kPageTokens, zero());
    store(s.value_scales + kPageTokens, zero());
    block.halves = count > kPageTokens ? 2 : 1;
    for (int half = 0; half < block.halves; half++) {
        const int left = count - half * kPageTokens;
        const int start = half * kPageTokens;
        alignas(64) int8_t gathered[kMaxHeadSize * kPageTokens];
        int8_t* to = direct ? reinterpret_cast<int8_t*>(s.keys + half * s.query_stride * kPageTokens) : gathered;
        const IntegerHalf found = find_integers(engine, cursor, layer, head, first + start, left < kPageTokens ? left : kPageTokens, to, s.key_scales + start, s.value_scales + start);
        if (direct) {
            block.keys[half] = reinterpret_cast<const uint16_t*>(found.keys);
            __builtin_memcpy(block.rows + start, found.rows, sizeof found.rows);
        } else {
            widen_half(engine, s, found, half, block);
        }
    }

    if (block.halves == 1) {
        // The second panel of K is masked whole.
        block.keys[1] = block.keys[0];
    }

    if (kTileOrder) {
        block.values[0] = s.values;
    }

    return block;
}
