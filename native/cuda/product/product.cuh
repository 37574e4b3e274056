// x Wᵀ of few rows: what a decoding step spends most of its time on, reading weights.
//
// Memory: persistent blocks walk units of 128 outputs and one plane's part of the inputs. A stage of the ring is 64 inputs of all of them, 16 KiB of weights, by cp.async
// in whole lines, and of all rows, 2 or 4 or 8 KiB, which come from L2. Copies run three stages ahead, across the end of a unit into the next one, so that a block has 48 KiB of
// weights under way whatever it does. One block per multiprocessor of an H200 has 6.3 MB under way, where its 4.3 TB/s take 4.3 MB for a wait of a microsecond (reasoned, not measured),
// and leaves half of the shared memory to what runs beside it: shrinks.
// Bytes per output and input: 2 read once; per row and input 2 read once for every 128 outputs; per row, output and plane 4 written.
// Operations: 2 per row, output and input, rows rounded up to 16, 32 or 64.
// Begins early: what the first stages need of the weight, which no kernel of a step writes, is under way before the kernels before this one have ended; their inputs, of which that
// is not true, come by registers, so that no stage waits for another one's weights.
// Work: eight warps are two halves of the outputs times four quarters of a stage's inputs: a warp has 64 outputs and all rows, 32 independent sums of m16n8k16 with 64 rows,
// and no fragment is read from shared memory more often than twice (inputs) or once (weights).
// Product: the outputs are the rows of m16n8k16, eight of the step's rows its columns.
// Order: a quarter's inputs ascending, 16 of every 64 at a time; then the four quarters, ascending; planes are the caller's to add. A row's bits depend neither on the other rows nor
// on their number.
#pragma once
#include "../common/memory.cuh"

constexpr int kProductOutputs = 128;
constexpr int kProductInputs = 64;
constexpr int kProductStages = 4;
constexpr int kProductThreads = 256;
constexpr int kProductLine = kProductInputs * 2;                    // bytes of a row in a stage
constexpr int kProductWeights = kProductOutputs * kProductLine;     // bytes of a stage's weights; its inputs lie behind them
constexpr int kProductStage = kProductWeights + SRV_PRODUCT_ROWS * kProductLine;
constexpr int kProductSumStride = kProductOutputs + 4;              // floats from row to row: a warp's stores fall into different banks

struct ProductShared {
    uint8_t ring[kProductStages][kProductStage];
    float sums[4][8 * kProductSumStride];
};

// 16-byte chunk c of line r lies at chunk c ^ (r & 7), so that the eight lines of a matrix that ldmatrix reads lie in different banks.
SRV_DEVICE int product_chunk(int line, int chunk) { return line * kProductLine + (chunk ^ (line & 7)) * 16; }

// A block's unit: outputs from first_output on, stages of inputs.
struct ProductUnit {
    int first_output, begin, end;
};

SRV_DEVICE int product_units(const srv_product_params& p) { return ceil_div(p.outputs, kProductOutputs) * p.planes; }

// Planes are whole stages, as equal as can be.
SRV_DEVICE ProductUnit product_unit(const srv_product_params& p, int unit) {
    const int stages = ceil_div(p.inputs, kProductInputs);
    const int plane = unit % p.planes;
    return {unit / p.planes * kProductOutputs, plane * stages / p.planes, (plane + 1) * stages / p.planes};
}

// Brings stages in, one after the other, over all units of the block. Eight threads share a line.
template <int Rows>
struct ProductCopies {
    static constexpr int kLines = kProductThreads / 8;

    int unit;
    int left;                // stages of the unit
    int inputs;              // behind the thread's first, to the end of a row
    int outputs;             // behind the thread's first, to the last
    const uint16_t* weight;  // the thread's chunk of its first line
    const uint16_t* input;

    SRV_DEVICE static int line() { return static_cast<int>(ptx::thread_index()) / 8; }
    SRV_DEVICE static int chunk() { return static_cast<int>(ptx::thread_index()) % 8; }

    SRV_DEVICE ProductCopies(const srv_product_params& p, int first) : unit(first), left(0) { enter(p); }

    // A unit may have no stages, where there are more planes than these.
    SRV_DEVICE void enter(const srv_product_params& p) {
        for (; unit < product_units(p); unit += static_cast<int>(ptx::block_count())) {
            const ProductUnit to = product_unit(p, unit);
            left = to.end - to.begin;
            if (left > 0) {
                const int column = to.begin * kProductInputs + chunk() * 8;
                inputs = p.inputs - column;
                outputs = p.outputs - to.first_output - line();
                weight = row_of<const uint16_t>(p.weight, to.first_output + line(), p.weight_stride) + column;
                input = row_of<const uint16_t>(p.input, line(), p.input_stride) + column;
                return;
            }
        }
    }

    // Bytes of the thread's chunk that lie within a row.
    SRV_DEVICE uint32_t bytes() const { return static_cast<uint32_t>(larger(smaller(inputs, 8), 0)) * 2; }

    // Starts the copies of a stage, which the caller commits; none behind the last.
    SRV_DEVICE void copy(const srv_product_params& p, int rows, ptx::SharedAddress stage) {
        if (left == 0) {
            return;
        }

        copy_weights(p, stage);
        copy_inputs(p, rows, stage + kProductWeights);
        next(p);
    }

    SRV_DEVICE void copy_weights(const srv_product_params& p, ptx::SharedAddress stage) {
        const uint32_t bytes = this->bytes();
        const ptx::SharedAddress to = stage + product_chunk(line(), chunk());
        SRV_UNROLL
        for (int i = 0; i < kProductOutputs / kLines; i++) {
            const bool there = i * kLines < outputs && bytes > 0;
            const uint16_t* from = there ? weight + static_cast<int64_t>(i * kLines) * p.weight_stride : at<const uint16_t>(p.weight);
            ptx::cp_async_16(to + i * kLines * kProductLine, from, there ? bytes : 0);
        }
    }

    SRV_DEVICE void copy_inputs(const srv_product_params& p, int rows, ptx::SharedAddress place) {
        const uint32_t bytes = this->bytes();
        const ptx::SharedAddress to = place + product_chunk(line(), chunk());
        SRV_UNROLL
        for (int i = 0; i < ceil_div(Rows, kLines); i++) {
            if (line() + i * kLines < Rows) {
                const bool there = line() + i * kLines < rows && bytes > 0;
                const uint16_t* from = there ? input + static_cast<int64_t>(i * kLines) * p.input_stride : at<const uint16_t>(p.input);
                ptx::cp_async_16(to + i * kLines * kProductLine, from, there ? bytes : 0);
            }
        }
    }

    // The thread's chunk of a stage's inputs, of its line i; zeros where there is none.
    SRV_DEVICE ptx::Vec4 load_inputs(const srv_product_params& p, int rows, int i) const {
        const uint16_t* from = input + static_cast<int64_t>(i * kLines) * p.input_stride;
        const int there = left > 0 && line() + i * kLines < rows ? static_cast<int>(bytes()) / 2 : 0;
        if (there == 8) {
            return ptx::load_16(from);
        }

        uint32_t words[4] = {};
        SRV_UNROLL
        for (int j = 0; j < 8; j++) {
            words[j / 2] |= j < there ? static_cast<uint32_t>(from[j]) << j % 2 * 16 : 0;
        }

        return {words[0], words[1], words[2], words[3]};
    }

    SRV_DEVICE void next(const srv_product_params& p) {
        weight += kProductInputs;
        input += kProductInputs;
        inputs -= kProductInputs;
        if (--left == 0) {
            unit += static_cast<int>(ptx::block_count());
            enter(p);
        }
    }
};

// A warp's 64 outputs and all rows, 16 inputs of a stage; the address is the lane's.
template <int Rows>
SRV_DEVICE void multiply_rows(const uint32_t (&w)[4][4], ptx::SharedAddress inputs, float (&sums)[4][Rows / 8][4]) {
    SRV_UNROLL
    for (int t = 0; t < Rows / 8; t += 2) {
        uint32_t x[4];
        ptx::ldmatrix_x4(x, inputs + t * 8 * kProductLine);
        SRV_UNROLL
        for (int j = 0; j < 4; j++) {
            ptx::mma_m16n8k16(sums[j][t], w[j], {x[0], x[1]});
            ptx::mma_m16n8k16(sums[j][t + 1], w[j], {x[2], x[3]});
        }
    }
}

// The same with weights in shared memory.
template <int Rows>
SRV_DEVICE void multiply_stage(ptx::SharedAddress weights, ptx::SharedAddress inputs, float (&sums)[4][Rows / 8][4]) {
    uint32_t w[4][4];
    SRV_UNROLL
    for (int j = 0; j < 4; j++) {
        ptx::ldmatrix_x4(w[j], weights + j * 16 * kProductLine);
    }

    multiply_rows<Rows>(w, inputs, sums);
}

// Four neighbouring outputs of a row, of which every quarter has its part of the sum.
SRV_DEVICE Float4 sum_quarters(const float (&shared)[4][8 * kProductSumStride], int at_sum) {
    Float4 sum = load_floats(&shared[0][at_sum]);
    SRV_UNROLL
    for (int quarter = 1; quarter < 4; quarter++) {
        const Float4 part = load_floats(&shared[quarter][at_sum]);
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            sum.v[i] += part.v[i];
        }
    }

    return sum;
}

// The quarters' sums of eight rows meet in shared memory; a warp adds up and writes one of the rows, a lane four neighbouring outputs.
SRV_DEVICE void write_eight_rows(const srv_product_params& p, const float (&shared)[4][8 * kProductSumStride], float* output, int first_output) {
    const int column = static_cast<int>(ptx::lane()) * 4;
    const Float4 sum = sum_quarters(shared, static_cast<int>(ptx::warp()) * kProductSumStride + column);
    float* to = output + first_output + column;
    if (first_output + column + 4 <= p.outputs) {
        store_floats(to, sum);
        return;
    }

    SRV_UNROLL
    for (int i = 0; i < 4; i++) {
        if (first_output + column + i < p.outputs) {
            to[i] = sum.v[i];
        }
    }
}

// Where the lane's sums of eight rows lie among those of its warp's quarter.
SRV_DEVICE float* own_sums(float (&shared)[4][8 * kProductSumStride]) {
    const int lane = static_cast<int>(ptx::lane());
    const int warp = static_cast<int>(ptx::warp());
    return shared[warp % 4] + lane % 4 * 2 * kProductSumStride + warp / 4 * 64 + lane / 4;
}

// Puts the sums of eight rows there.
template <int Tiles>
SRV_DEVICE void put_eight_rows(float* own, const float (&sums)[4][Tiles][4], int t) {
    SRV_UNROLL
    for (int j = 0; j < 4; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            own[i % 2 * kProductSumStride + j * 16 + i / 2 * 8] = sums[j][t][i];
        }
    }
}

template <int Rows>
SRV_DEVICE void write_unit(const srv_product_params& p, int unit, int rows, const float (&sums)[4][Rows / 8][4], float (&shared)[4][8 * kProductSumStride]) {
    const int warp = static_cast<int>(ptx::warp());
    float* own = own_sums(shared);
    const srv_address plane = p.output + static_cast<srv_address>(unit % p.planes) * p.plane_stride * sizeof(float);
    SRV_UNROLL
    for (int t = 0; t < Rows / 8; t++) {
        put_eight_rows(own, sums, t);
        ptx::barrier();
        if (t * 8 + warp < rows) {
            write_eight_rows(p, shared, row_of<float>(plane, t * 8 + warp, p.output_stride), product_unit(p, unit).first_output);
        }

        ptx::barrier();
    }
}

// The first stages, all but one: weights, then, when the kernels before this one are through, inputs. The caller's first barrier shows these to all.
template <int Rows>
SRV_DEVICE void begin_copies(const srv_product_params& p, int rows, uint8_t (&ring)[kProductStages][kProductStage], ProductCopies<Rows>& ahead) {
    constexpr int kFirst = kProductStages - 1;
    constexpr int kOwn = (Rows + ProductCopies<Rows>::kLines - 1) / ProductCopies<Rows>::kLines;
    ProductCopies<Rows> behind = ahead;
    SRV_UNROLL
    for (int i = 0; i < kFirst; i++) {
        if (ahead.left > 0) {
            ahead.copy_weights(p, ptx::shared_address(ring[i]));
            ahead.next(p);
        }

        ptx::cp_async_commit();
    }

    ptx::await_producers();
    ptx::release_dependents();
    ptx::Vec4 inputs[kFirst][kOwn];
    SRV_UNROLL
    for (int i = 0; i < kFirst; i++) {
        SRV_UNROLL
        for (int j = 0; j < kOwn; j++) {
            inputs[i][j] = behind.load_inputs(p, rows, j);
        }

        if (behind.left > 0) {
            behind.next(p);
        }
    }

    SRV_UNROLL
    for (int i = 0; i < kFirst; i++) {
        SRV_UNROLL
        for (int j = 0; j < kOwn; j++) {
            const int line = ProductCopies<Rows>::line() + j * ProductCopies<Rows>::kLines;
            if (line < Rows) {
                ptx::store_16(ring[i] + kProductWeights + product_chunk(line, ProductCopies<Rows>::chunk()), inputs[i][j]);
            }
        }
    }
}

template <int Rows>
SRV_DEVICE void multiply_units(const srv_product_params& p, int rows, ProductShared& shared) {
    const int lane = static_cast<int>(ptx::lane());
    const int warp = static_cast<int>(ptx::warp());
    const int quarter = warp % 4 * 32;  // bytes: an exclusive or goes on within a line
    const int weights = (product_chunk(lane % 16, lane / 16) ^ quarter) + warp / 4 * 64 * kProductLine;
    const int inputs = (product_chunk(lane / 16 * 8 + lane % 8, lane / 8 % 2) ^ quarter) + kProductWeights;
    const ptx::SharedAddress ring = ptx::shared_address(shared.ring);
    const int first = static_cast<int>(ptx::block_index());
    ProductCopies<Rows> ahead(p, first);
    begin_copies<Rows>(p, rows, shared.ring, ahead);
    int stage = 0, fresh = kProductStages - 1;
    for (int unit = first; unit < product_units(p); unit += static_cast<int>(ptx::block_count())) {
        float sums[4][Rows / 8][4] = {};
        const ProductUnit own = product_unit(p, unit);
        for (int i = own.begin; i < own.end; i++) {
            // This stage has landed, and nobody reads the one before, whose place is filled next.
            ptx::cp_async_wait<kProductStages - 2>();
            ptx::barrier();
            ahead.copy(p, rows, ring + fresh * kProductStage);
            ptx::cp_async_commit();
            multiply_stage<Rows>(ring + stage * kProductStage + weights, ring + stage * kProductStage + inputs, sums);
            fresh = stage;
            stage = stage + 1 == kProductStages ? 0 : stage + 1;
        }

        write_unit<Rows>(p, unit, rows, sums, shared.sums);
    }

    ptx::cp_async_wait<0>();
}

SRV_KERNEL(srv_product, srv_product_params, kProductThreads) {
    static_assert(sizeof(ProductShared) <= SRV_PRODUCT_SHARED, "the host is told how much shared memory this takes");
    ProductShared& shared = *reinterpret_cast<ProductShared*>(ptx::dynamic_shared());
    const int rows = count_at(p.row_count);
    if (rows <= 16) {
        multiply_units<16>(p, rows, shared);
    } else if (rows <= 32) {
        multiply_units<32>(p, rows, shared);
    } else {
        multiply_units<64>(p, rows, shared);
    }
}
