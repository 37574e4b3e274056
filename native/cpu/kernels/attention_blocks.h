// What attention works on: its scratch, the state of its rows, and the operands of a block of 32 ordinals, read from pages where they lie or gathered from them.

// The running state of a task's rows within one split, or merged over splits.
struct AttentionState {
    float* maximum;  // [kAttentionRows]
    float* sum;      // [kAttentionRows]
    float* output;   // [kAttentionRows, output_width], unnormalised
};

// Blocks whose scores are computed together, so that few rows have enough independent sums.
constexpr int kBlockGroup = 4;
constexpr int kScoreStride = kBlockGroup * kBlock;

struct AttentionScratch {
    Activation* query;    // [kAttentionRows, query_stride]
    Activation* weights;  // [kAttentionRows, kBlock]: P, rounded
    float* scores;        // [kAttentionRows, kScoreStride]
    uint16_t* keys;       // two panels of query_stride / 2 pairs for every block of a group
    uint16_t* values;     // output_width / 16 panels of 16 pairs for every block of a group
    float* key_scales;    // [kScoreStride], of integers
    float* value_scales;  // [kScoreStride]
    float* factor;        // [kAttentionRows]
    AttentionState split;
    AttentionState merged;
    int query_stride;
};

constexpr float kNoScore = -__builtin_inff();

// Outputs are kept in whole vectors.
SRV_INLINE int output_width(const Engine& engine) { return (engine.program.head_size + kLanes - 1) / kLanes * kLanes; }

// Tiles take 32 elements of a head at a time, FMAs take pairs.
SRV_INLINE int attention_query_stride(int head_size) { return kTileOrder ? (head_size + kBlock - 1) / kBlock * kBlock : head_size; }

static int32_t attention_scratch_bytes(const Engine& engine) {
    const int head_size = engine.program.head_size;
    const int query = kAttentionRows * attention_query_stride(head_size) * static_cast<int>(sizeof(Activation));
    const int weights = kAttentionRows * kBlock * static_cast<int>(sizeof(Activation));
    const int scores = kAttentionRows * kScoreStride * 4;
    const int operands = kBlockGroup * kBlock * (attention_query_stride(head_size) + output_width(engine)) * 2;
    const int state = (2 * kAttentionRows + kAttentionRows * output_width(engine)) * 4;
    return query + weights + scores + operands + 2 * kScoreStride * 4 + 2 * state + 1024;
}

static AttentionScratch attention_scratch(const Engine& engine, int worker) {
    uint8_t* at = engine.scratch.data + worker * engine.scratch_stride;
    const int head_size = engine.program.head_size;
    const auto take = [&at](int64_t bytes) {
        uint8_t* here = at;
        at += (bytes + 63) / 64 * 64;
        return here;
    };

    AttentionScratch s{};
    s.query_stride = attention_query_stride(head_size);
    s.query = reinterpret_cast<Activation*>(take(int64_t{kAttentionRows} * s.query_stride * static_cast<int64_t>(sizeof(Activation))));
    s.weights = reinterpret_cast<Activation*>(take(kAttentionRows * kBlock * static_cast<int64_t>(sizeof(Activation))));
    s.scores = reinterpret_cast<float*>(take(kAttentionRows * kScoreStride * 4));
    s.keys = reinterpret_cast<uint16_t*>(take(int64_t{kBlockGroup} * kBlock * s.query_stride * 2));
    s.values = reinterpret_cast<uint16_t*>(take(int64_t{kBlockGroup} * kBlock * output_width(engine) * 2));
    s.key_scales = reinterpret_cast<float*>(take(kScoreStride * 4));
    s.value_scales = reinterpret_cast<float*>(take(kScoreStride * 4));
    s.factor = reinterpret_cast<float*>(take(kAttentionRows * 4));
    for (AttentionState* state : {&s.split, &s.merged}) {
        state->maximum = reinterpret_cast<float*>(take(kAttentionRows * 4));
        state->sum = reinterpret_cast<float*>(take(kAttentionRows * 4));
        state->output = reinterpret_cast<float*>(take(int64_t{kAttentionRows} * output_width(engine) * 4));
    }

    return s;
}

// Finds the pages of a sequence's ordinals, ascending.
struct EntryCursor {
    const srv_page* entries;
    int entry;
    int start;  // ordinal of the entry's first slot
};

// Moves to the entry that holds the ordinal.
SRV_INLINE void seek(EntryCursor& cursor, int ordinal) {
    while (cursor.start + cursor.entries[cursor.entry].valid_length <= ordinal) {
        cursor.start += cursor.entries[cursor.entry].valid_length;
        cursor.entry++;
    }
}

// The operands of one block: two K panels of 16 tokens, and V in two halves of 16 tokens (FMA order) or joined to one block of 32 (tile order). Of integers that are read where they
// lie, K is [element][16 tokens] and V a row per token.
struct BlockOperands {
    const uint16_t* keys[2];
    const uint16_t* values[2];
    const int8_t* rows[kBlock];
    const float* key_scales;    // [kBlock], null where there are none
    const float* value_scales;  // [kBlock]
    int halves;
};

// Tokens from an ordinal on that lie side by side in one page, at most so many.
SRV_INLINE int run_length(const EntryCursor& cursor, int first, int most) {
    const int left = cursor.start + cursor.entries[cursor.entry].valid_length - first;
    return left < most ? left : most;
}

// Copies runs of tokens: where a page is partly valid, as an imported module's last one is, or its ordinals lie across the borders of blocks. Slots beyond the valid ones may
// hold anything, NaN too: their keys are masked, their values never read.
static void gather_keys(const Engine& engine, EntryCursor cursor, int layer, int head, int first, int count, uint16_t* to) {
    TokenRun runs[kPageTokens];
    int run_count = 0;
    for (int t = 0; t < count;) {
        seek(cursor, first + t);
        const int length = run_length(cursor, first + t, count - t);
        runs[run_count++] = TokenRun{page_keys(engine, cursor.entries[cursor.entry].page, layer, head), first + t - cursor.start, t, length};
        t += length;
    }

    copy_key_runs(runs, run_count, to, engine.program.head_size);
}

static void gather_values(const Engine& engine, EntryCursor cursor, int layer, int head, int first, int count, uint16_t* to, int to_tokens, int to_token) {
    for (int t = 0; t < count;) {
        seek(cursor, first + t);
        const int length = run_length(cursor, first + t, count - t);
        const uint16_t* page = page_values(engine, cursor.entries[cursor.entry].page, layer, head);
        copy_value_run(page, first + t - cursor.start, to, to_tokens, to_token + t, length, output_width(engine), engine.program.head_size);
        t += length;
    }
}

// The first tokens of a page's values into a block whose other slots are zeros: whole pairs as they are, of an odd last pair the first token only.
static void copy_value_prefix(const uint16_t* from, int count, uint16_t* to, int to_tokens, int width) {
    const int whole = count / 2 * 2 * kLanes;
    for (int d = 0; d < width; d += kLanes) {
        const uint16_t* source = from + d * kPageTokens;
        uint16_t* target = to + d * to_tokens;
        __builtin_memcpy(target, source, static_cast<size_t>(whole) * sizeof *target);
        for (int i = 0; count % 2 != 0 && i < kLanes; i++) {
            target[whole + 2 * i] = source[whole + 2 * i];
        }
    }
}

// A page's part of one layer and head is too short a stretch for the processor's own prefetcher: it is asked for as a whole, keys nearer than values.
SRV_INLINE void prefetch_page(const uint16_t* keys, const uint16_t* values, int head_size) {
    for (int at = 0; at < kPageTokens * head_size; at += 2 * kLanes) {
        _mm_prefetch(reinterpret_cast<const char*>(keys + at), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(values + at), _MM_HINT_T1);
    }
}

// One half of a block. A page that holds just these tokens is read where it is; of its K panel the lanes beyond them are masked later.
static void half_operands(const Engine& engine, const AttentionScratch& s, EntryCursor& cursor, int layer, int head, int first, int count, int half, BlockOperands& block) {
    const int head_size = engine.program.head_size;
    const int width = output_width(engine);
    seek(cursor, first);
    const srv_page& entry = cursor.entries[cursor.entry];
    const bool aligned = cursor.start == first && entry.valid_length >= count;
    const bool whole = aligned && count == kPageTokens && head_size == width;
    const uint16_t* values = page_values(engine, entry.page, layer, head);
    prefetch_page(page_keys(engine, entry.page, layer, head), values, head_size);
    if (aligned && s.query_stride == head_size) {
        block.keys[half] = page_keys(engine, entry.page, layer, head);
    } else {
        uint16_t* to = s.keys + half * s.query_stride * kPageTokens;
        if (s.query_stride != head_size) {
            __builtin_memset(to, 0, static_cast<size_t>(s.query_stride) * kPageTokens * sizeof *to);
        }

        gather_keys(engine, cursor, layer, head, first, count, to);
        block.keys[half] = to;
    }

    if (!kTileOrder && whole) {
        block.values[half] = values;
        return;
    }

    // In tile order both halves go to one block, which is cleared before where it is not filled.
    uint16_t* to = s.values + half * kPageTokens * (kTileOrder ? kLanes : width);
    const int to_tokens = kTileOrder ? kBlock : kPageTokens;
    if (!kTileOrder) {
        __builtin_memset(to, 0, static_cast<size_t>(kPageTokens) * width * sizeof *to);
        block.values[half] = to;
    }

    if (aligned && head_size == width) {
        copy_value_prefix(values, count, to, to_tokens, width);
    } else {
        gather_values(engine, cursor, layer, head, first, count, s.values + (kTileOrder ? 0 : half * kPageTokens * width), to_tokens, kTileOrder ? half * kPageTokens : 0);
    }
}

static BlockOperands block_operands(const Engine& engine, const AttentionScratch& s, EntryCursor& cursor, int layer, int head, int first, int count) {
    BlockOperands block{};
    if (kTileOrder && count < kBlock) {
        __builtin_memset(s.values, 0, static_cast<size_t>(kBlock) * output_width(engine) * sizeof *s.values);
    }

    block.halves = count > kPageTokens ? 2 : 1;
    for (int half = 0; half < block.halves; half++) {
        const int left = count - half * kPageTokens;
        half_operands(engine, s, cursor, layer, head, first + half * kPageTokens, left < kPageTokens ? left : kPageTokens, half, block);
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
