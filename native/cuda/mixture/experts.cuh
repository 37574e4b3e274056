// The products of a mixture of experts: every place's input with the matrix of its expert. In decoding the weights of the experts that were chosen are nearly all that a step reads.
//
// Memory: persistent blocks walk units of a tile of places that go through one expert and 128 of its outputs (64 of gate and the same 64 of up, where both halves end in one), tiles of one
// expert beside each other, so that weights which two tiles need come from L2 the second time. A stage of the ring is 64 inputs: 16 KiB of weights by cp.async in whole lines, and
// the inputs of the tile's places, at most 8 KiB, each from where the table of choices says that its row lies, mostly from L2. Copies run on across the end of a unit into the next one.
// Few rows (srv_experts_few): tiles of up to 32 places, a ring of four stages, two blocks per multiprocessor: 96 KiB of weights under way on each multiprocessor of compute capability 9.0, 12.4 MiB on
// the 132 of an H200, where its 4.3 TB/s take 4.3 MB for a wait of a microsecond (reasoned, not measured). Many rows (srv_experts): tiles of up to 64 places, a ring of three stages, one block.
// Which of the two runs depends on the step's rows and on what the model has of experts, and changes no bit.
// Bytes per expert that was chosen, output and input: 2, once for every tile of its places; per place and input 2 for every 128 outputs; per place and output 2 or 4 written.
// Operations: 2 per place, output and input, places of a tile rounded up to 16, 32 or 64.
// Begins early (srv_experts_few): to be there; which weights it reads is what the kernels before it find.
// Work, product and order: those of srv_product without planes: a quarter's inputs ascending, 16 of every 64 at a time; then the four quarters, ascending. A place's bits depend neither on
// the places beside it, nor on their number, nor on where among them it lies.
#pragma once
#include "../product/product.cuh"
#include "../silu_mul/silu.cuh"
#include "choices.cuh"

SRV_DEVICE bool is_gated(const srv_experts_params& p) { return p.activation >= 0; }

// Columns of the output, and how many of them a unit has.
SRV_DEVICE int expert_columns(const srv_experts_params& p) { return is_gated(p) ? p.outputs / 2 : p.outputs; }
SRV_DEVICE int unit_columns(const srv_experts_params& p) { return is_gated(p) ? kProductOutputs / 2 : kProductOutputs; }

SRV_DEVICE int expert_units(const srv_experts_params& p) { return count_at(p.mixture.tile_count) * ceil_div(expert_columns(p), unit_columns(p)); }

// A tile, and the first of its columns.
struct ExpertUnit {
    int expert, first_place, places, first_column;
};

SRV_DEVICE ExpertUnit expert_unit(const srv_experts_params& p, int unit) {
    const int parts = ceil_div(expert_columns(p), unit_columns(p));
    const ptx::Vec4 tile = ptx::load_16(at<const srv_expert_tile>(p.mixture.tiles) + unit / parts);
    return {static_cast<int>(tile.x), static_cast<int>(tile.y), static_cast<int>(tile.z), unit % parts * unit_columns(p)};
}

// Places that a tile is multiplied as.
SRV_DEVICE int rounded_places(int places) { return places <= 16 ? 16 : places <= 32 ? 32 : 64; }

// A stage's weights of bf16: a thread's chunks of the unit's lines, of which eight threads share each.
struct ExpertLines {
    static constexpr int kBytes = kProductWeights;
    static constexpr int kLines = kProductThreads / 8;

    int columns;             // behind the thread's first, to the last
    int64_t gap;             // from where the third of the thread's lines would lie to where it does, in elements: up's half
    const uint16_t* weight;  // the thread's chunk of its first line

    SRV_DEVICE void enter(const srv_experts_params& p, const ExpertUnit& to) {
        const int line = static_cast<int>(ptx::thread_index()) / 8, chunk = static_cast<int>(ptx::thread_index()) % 8;
        columns = expert_columns(p) - to.first_column - line;
        gap = is_gated(p) ? static_cast<int64_t>(p.outputs / 2 - kProductOutputs / 2) * p.weight_stride : 0;
        weight = row_of<const uint16_t>(p.weight, to.expert * p.outputs + to.first_column + line, p.weight_stride) + chunk * 8;
    }

    // Starts the copies: so many bytes of the thread's chunk lie within a row.
    SRV_DEVICE void copy(const srv_experts_params& p, ptx::SharedAddress stage, uint32_t bytes) const {
        const int thread = static_cast<int>(ptx::thread_index());
        const ptx::SharedAddress to = stage + product_chunk(thread / 8, thread % 8);
        SRV_UNROLL
        for (int i = 0; i < kProductOutputs / kLines; i++) {
            const int within = (is_gated(p) ? i % 2 : i) * kLines;
            const bool there = within < columns && bytes > 0;
            const int64_t line_at = static_cast<int64_t>(i * kLines) * p.weight_stride + (i < 2 ? 0 : gap);
            ptx::cp_async_16(to + i * kLines * kProductLine, there ? weight + line_at : at<const uint16_t>(p.weight), there ? bytes : 0);
        }
    }

    SRV_DEVICE void next() { weight += kProductInputs; }

    // The lane's first operands of a stage.
    SRV_DEVICE static void load(const uint8_t* stage, uint32_t (&w)[4][4]) {
        const int lane = static_cast<int>(ptx::lane()), warp = static_cast<int>(ptx::warp());
        const int weights = (product_chunk(lane % 16, lane / 16) ^ warp % 4 * 32) + warp / 4 * 64 * kProductLine;
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            ptx::ldmatrix_x4(w[j], ptx::shared_address(stage) + weights + j * 16 * kProductLine);
        }
    }
};

// Brings stages in, one after the other, over all units of the block: weights as they are kept, and behind them the places' inputs, of which eight threads share a line.
template <typename Weights, int MostRows>
struct ExpertCopies {
    static constexpr int kLines = kProductThreads / 8;
    static constexpr int kOwn = MostRows / kLines;

    int unit;
    int units;
    int left;                      // stages of the unit
    int inputs;                    // behind the thread's first, to the end of a row
    int places;                    // of the unit
    Weights weights;
    const uint16_t* input[kOwn];   // the thread's chunk of each of its places

    SRV_DEVICE static int line() { return static_cast<int>(ptx::thread_index()) / 8; }
    SRV_DEVICE static int chunk() { return static_cast<int>(ptx::thread_index()) % 8; }

    SRV_DEVICE explicit ExpertCopies(const srv_experts_params& p) : unit(static_cast<int>(ptx::block_index())), units(expert_units(p)), left(0) { enter(p); }

    SRV_DEVICE void enter(const srv_experts_params& p) {
        if (unit >= units) {
            return;
        }

        const ExpertUnit to = expert_unit(p, unit);
        left = ceil_div(p.inputs, kProductInputs);
        inputs = p.inputs - chunk() * 8;
        places = to.places;
        weights.enter(p, to);
        SRV_UNROLL
        for (int i = 0; i < kOwn; i++) {
            const int place = to.first_place + line() + i * kLines;
            const int row = line() + i * kLines >= places ? 0 : p.by_row != 0 ? at<const int>(p.mixture.rows)[place] : place;
            input[i] = row_of<const uint16_t>(p.input, row, p.input_stride) + chunk() * 8;
        }
    }

    // Starts the copies of a stage, which the caller commits; none behind the last.
    SRV_DEVICE void copy(const srv_experts_params& p, ptx::SharedAddress stage) {
        if (left == 0) {
            return;
        }

        const uint32_t bytes = static_cast<uint32_t>(larger(smaller(inputs, 8), 0)) * 2;
        weights.copy(p, stage, bytes);
        copy_inputs(p, stage + Weights::kBytes + product_chunk(line(), chunk()), bytes);
        next(p);
    }

    SRV_DEVICE void copy_inputs(const srv_experts_params& p, ptx::SharedAddress to, uint32_t bytes) const {
        SRV_UNROLL
        for (int i = 0; i < kOwn; i++) {
            if (line() + i * kLines < rounded_places(places)) {
                const bool there = line() + i * kLines < places && bytes > 0;
                ptx::cp_async_16(to + i * kLines * kProductLine, there ? input[i] : at<const uint16_t>(p.input), there ? bytes : 0);
            }
        }
    }

    SRV_DEVICE void next(const srv_experts_params& p) {
        weights.next();
        inputs -= kProductInputs;
        SRV_UNROLL
        for (int i = 0; i < kOwn; i++) {
            input[i] += kProductInputs;
        }

        if (--left == 0) {
            unit += static_cast<int>(ptx::block_count());
            enter(p);
        }
    }
};

// The stages of a block, in turns.
template <typename Weights, int MostRows, int Stages>
struct ExpertRing {
    static constexpr int kStage = Weights::kBytes + MostRows * kProductLine;

    const uint8_t* memory;
    int stage;  // that is multiplied next
    int fresh;  // that is filled next
    ExpertCopies<Weights, MostRows> ahead;

    SRV_DEVICE ExpertRing(const srv_experts_params& p, const uint8_t* ring) : memory(ring), stage(0), fresh(Stages - 1), ahead(p) {
        for (int i = 0; i < Stages - 1; i++) {
            ahead.copy(p, ptx::shared_address(memory) + i * kStage);
            ptx::cp_async_commit();
        }
    }

    // The next stage has landed, and nobody reads the one before, whose place is filled.
    SRV_DEVICE const uint8_t* next(const srv_experts_params& p) {
        ptx::cp_async_wait<Stages - 2>();
        ptx::barrier();
        ahead.copy(p, ptx::shared_address(memory) + fresh * kStage);
        ptx::cp_async_commit();
        fresh = stage;
        stage = stage + 1 == Stages ? 0 : stage + 1;
        return memory + fresh * kStage;
    }
};

SRV_DEVICE float rounded(float x) { return ptx::from_bf16(ptx::to_bf16(x)); }

// Four columns of a place.
SRV_DEVICE void store_columns(const srv_experts_params& p, int place, int column, const Float4& x) {
    const int there = expert_columns(p) - column;
    if (p.mode == SRV_LINEAR_KEEP) {
        float* to = row_of<float>(p.output, place, p.output_stride) + column;
        if (there >= 4) {
            store_floats(to, x);
        }

        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            if (there < 4 && i < there) {
                to[i] = x.v[i];
            }
        }
    } else {
        uint16_t* to = row_of<uint16_t>(p.output, place, p.output_stride) + column;
        if (there >= 4) {
            store_rounded(to, x);
        }

        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            if (there < 4 && i < there) {
                to[i] = ptx::to_bf16(x.v[i]);
            }
        }
    }
}

// Four outputs of an expert, from `output` on, up to `end`: + bias.
SRV_DEVICE void add_bias(const srv_experts_params& p, int expert, int output, int end, Float4& x) {
    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        if (p.bias != 0 && output + i < end) {
            x.v[i] += ptx::from_bf16(at<const uint16_t>(p.bias)[static_cast<int64_t>(expert) * p.outputs + output + i]);
        }
    }
}

// A warp ends one place, a lane four neighbouring columns; with an activation half of the lanes do.
SRV_DEVICE void write_place(const srv_experts_params& p, int expert, int place, int first_column, const float (&shared)[4][8 * kProductSumStride]) {
    const int within = static_cast<int>(ptx::lane()) * 4;
    const int at_sum = static_cast<int>(ptx::warp()) * kProductSumStride + within;
    if (within >= unit_columns(p)) {
        return;
    }

    Float4 x = sum_quarters(shared, at_sum);
    add_bias(p, expert, first_column + within, expert_columns(p), x);
    if (is_gated(p)) {
        Float4 up = sum_quarters(shared, at_sum + kProductOutputs / 2);
        add_bias(p, expert, p.outputs / 2 + first_column + within, p.outputs, up);
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            x.v[i] = gate_times(rounded(x.v[i]), rounded(up.v[i]), p.activation, p.limit);
        }
    }

    store_columns(p, place, first_column + within, x);
}

// A unit whose places are multiplied as so many rows.
template <int Rows, typename Weights, int MostRows, int Stages>
SRV_DEVICE void multiply_unit(const srv_experts_params& p, const ExpertUnit& unit, ExpertRing<Weights, MostRows, Stages>& ring, float (&shared)[4][8 * kProductSumStride]) {
    const int lane = static_cast<int>(ptx::lane());
    const int warp = static_cast<int>(ptx::warp());
    const int inputs = (product_chunk(lane / 16 * 8 + lane % 8, lane / 8 % 2) ^ warp % 4 * 32) + Weights::kBytes;  // bytes: an exclusive or goes on within a line
    float sums[4][Rows / 8][4] = {};
    for (int i = 0; i < ceil_div(p.inputs, kProductInputs); i++) {
        const uint8_t* stage = ring.next(p);
        uint32_t w[4][4];
        Weights::load(stage, w);
        multiply_rows<Rows>(w, ptx::shared_address(stage) + inputs, sums);
    }

    float* own = own_sums(shared);
    SRV_UNROLL
    for (int t = 0; t < Rows / 8; t++) {
        if (t * 8 < unit.places) {
            put_eight_rows(own, sums, t);
            ptx::barrier();
            if (t * 8 + warp < unit.places) {
                write_place(p, unit.expert, unit.first_place + t * 8 + warp, unit.first_column, shared);
            }

            ptx::barrier();
        }
    }
}

// Sums of eight places, and behind them the ring.
template <typename Weights, int MostRows, int Stages>
constexpr int kExpertShared = 4 * 8 * kProductSumStride * 4 + Stages * ExpertRing<Weights, MostRows, Stages>::kStage;

template <typename Weights, int MostRows, int Stages>
SRV_DEVICE void multiply_experts(const srv_experts_params& p) {
    auto& sums = *reinterpret_cast<float (*)[4][8 * kProductSumStride]>(ptx::dynamic_shared());
    ExpertRing<Weights, MostRows, Stages> ring(p, ptx::dynamic_shared() + sizeof(sums));
    const int units = ring.ahead.units;
    for (int i = static_cast<int>(ptx::block_index()); i < units; i += static_cast<int>(ptx::block_count())) {
        const ExpertUnit unit = expert_unit(p, i);
        if (unit.places <= 16) {
            multiply_unit<16>(p, unit, ring, sums);
        } else if (MostRows == 32 || unit.places <= 32) {
            multiply_unit<32>(p, unit, ring, sums);
        } else if constexpr (MostRows > 32) {
            multiply_unit<64>(p, unit, ring, sums);
        }
    }

    ptx::cp_async_wait<0>();
}

SRV_KERNEL_OF_MANY(srv_experts_few, srv_experts_params, kProductThreads, 2) {
    static_assert(kExpertShared<ExpertLines, SRV_EXPERT_FEW_ROWS, 4> <= SRV_EXPERTS_FEW_SHARED, "the host is told how much shared memory this takes");
    ptx::await_producers();
    ptx::release_dependents();
    multiply_experts<ExpertLines, SRV_EXPERT_FEW_ROWS, 4>(p);
}

SRV_KERNEL(srv_experts, srv_experts_params, kProductThreads) {
    static_assert(kExpertShared<ExpertLines, SRV_EXPERT_ROWS, 3> <= SRV_EXPERTS_SHARED, "the host is told how much shared memory this takes");
    multiply_experts<ExpertLines, SRV_EXPERT_ROWS, 3>(p);
}
