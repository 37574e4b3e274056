// x Wᵀ of few rows, W being integers: srv_product with weights that come as eight or four bits and become bf16 in registers. Units, order and sums are its own, so that its bits are those of srv_product with
// the decoded matrix.
//
// Memory: a stage of the ring is a block of two strips, 64 inputs of 128 outputs: 8.5 KiB (int8), 4.5 (int4, codes) or 5 (int4 with offsets) of integers and scales by cp.async, in one run for each strip, and of all rows 2, 4 or 8 KiB,
// which come from L2. The ring has as many stages as 82.5 KiB hold, up to 12: five to seven of int8, six to 12 of int4, all but one of them under way: 22 to 51 KiB of weights, with a block on each of
// an H200's multiprocessors 3.0 to 6.9 MB (reasoned, not measured). 99 KiB are what a block may have on devices of the desk, too.
// Bytes per output and input: 1.0625, 0.5625 or 0.625 read once; per row and input 2 for every 128 outputs; per row, output and plane 4 written.
// Operations: 2 per row, output and input on tensor cores, rows rounded up to 16, 32 or 64; to decode an element, once whatever the rows, about 3.5 instructions of a lane (int8), 2 (int4) or 3.6 (codes).
// Begins early, as srv_product: weights of the first stages are under way before the kernels before this one have ended, inputs follow when they have.
// Work and product as srv_product; a lane's part of a fragment is read from shared memory as it lies, 16 bytes at a time, without ldmatrix: every weight is decoded by the one warp that multiplies with it.
#pragma once
#include "../product/product.cuh"
#include "decode.cuh"

constexpr int kIntegerRing = SRV_INTEGER_PRODUCT_SHARED - 4 * 8 * kProductSumStride * 4;
constexpr int kIntegerMostStages = 12;

struct IntegerShared {
    float sums[4][8 * kProductSumStride];
    uint8_t ring[kIntegerRing];
};

template <IntegerFormat Format>
constexpr int kIntegerWeights = 2 * kIntegerBlock<Format>;  // bytes of a stage's weights; its inputs lie behind them

template <IntegerFormat Format, int Rows>
constexpr int kIntegerStage = kIntegerWeights<Format> + Rows * kProductLine;

template <IntegerFormat Format, int Rows>
constexpr int kIntegerStages = kIntegerRing / kIntegerStage<Format, Rows> < kIntegerMostStages ? kIntegerRing / kIntegerStage<Format, Rows> : kIntegerMostStages;

// Starts the copies of a block of two strips, which are so many bytes apart. What is no strip is zeros.
template <IntegerFormat Format>
SRV_DEVICE void copy_blocks(ptx::SharedAddress stage, const uint8_t* block, int64_t gap, int strips) {
    constexpr int kChunks = kIntegerBlock<Format> / 16;  // of a strip's block
    SRV_UNROLL
    for (int i = 0; i < 2 * kChunks; i += kProductThreads) {
        const int chunk = i + static_cast<int>(ptx::thread_index());
        if (chunk < 2 * kChunks) {
            const int strip = chunk / kChunks;
            const bool there = strip < strips;
            const int64_t from = strip * gap + chunk % kChunks * 16;
            ptx::cp_async_16(stage + chunk * 16, there ? block + from : block, there ? 16 : 0);
        }
    }
}

// Brings the weights of stages in, one after the other, over all units of the block of threads.
template <IntegerFormat Format>
struct IntegerCopies {
    int unit;
    int left;               // stages of the unit
    int strips;             // of the unit: 2, or 1 where the matrix ends
    const uint8_t* block;   // the first strip's

    SRV_DEVICE IntegerCopies(const srv_product_params& p, int first) : unit(first), left(0) { enter(p); }

    // A unit may have no stages, where there are more planes than these.
    SRV_DEVICE void enter(const srv_product_params& p) {
        for (; unit < product_units(p); unit += static_cast<int>(ptx::block_count())) {
            const ProductUnit to = product_unit(p, unit);
            left = to.end - to.begin;
            if (left > 0) {
                const int strip = to.first_output / SRV_INTEGER_OUTPUTS;
                strips = ceil_div(p.outputs, SRV_INTEGER_OUTPUTS) - strip;
                block = integer_block_at<Format>(p.weight, p.inputs, strip, to.begin);
                return;
            }
        }
    }

    // Starts the copies of a stage, which the caller commits; none behind the last.
    SRV_DEVICE void copy(const srv_product_params& p, ptx::SharedAddress stage) {
        if (left == 0) {
            return;
        }

        copy_blocks<Format>(stage, block, static_cast<int64_t>(integer_blocks(p.inputs)) * kIntegerBlock<Format>, strips);
        block += kIntegerBlock<Format>;
        if (--left == 0) {
            unit += static_cast<int>(ptx::block_count());
            enter(p);
        }
    }
};

template <int Rows>
SRV_DEVICE void copy_next_inputs(const srv_product_params& p, int rows, ptx::SharedAddress to, ProductCopies<Rows>& ahead) {
    if (ahead.left > 0) {
        ahead.copy_inputs(p, rows, to);
        ahead.next(p);
    }
}

template <IntegerFormat Format, int Rows>
SRV_DEVICE void multiply_integers(const srv_product_params& p, int rows, IntegerShared& shared) {
    constexpr int kStage = kIntegerStage<Format, Rows>;
    constexpr int kStages = kIntegerStages<Format, Rows>;
    const int lane = static_cast<int>(ptx::lane());
    const int warp = static_cast<int>(ptx::warp());
    const int inputs = (product_chunk(lane / 16 * 8 + lane % 8, lane / 8 % 2) ^ warp % 4 * 32) + kIntegerWeights<Format>;
    const ptx::SharedAddress ring = ptx::shared_address(shared.ring);
    const int first = static_cast<int>(ptx::block_index());
    IntegerCopies<Format> weights_ahead(p, first);
    ProductCopies<Rows> inputs_ahead(p, first);
    for (int i = 0; i < kStages - 1; i++) {
        weights_ahead.copy(p, ring + i * kStage);
    }

    ptx::await_producers();
    ptx::release_dependents();
    for (int i = 0; i < kStages - 1; i++) {
        copy_next_inputs<Rows>(p, rows, ring + i * kStage + kIntegerWeights<Format>, inputs_ahead);
    }

    // The first stages are one group; empty ones stand for the others, so that what is awaited is counted alike from the first stage on.
    SRV_UNROLL
    for (int i = 0; i < kStages - 1; i++) {
        ptx::cp_async_commit();
    }

    int stage = 0, fresh = kStages - 1;
    for (int unit = first; unit < product_units(p); unit += static_cast<int>(ptx::block_count())) {
        float sums[4][Rows / 8][4] = {};
        const ProductUnit own = product_unit(p, unit);
        for (int i = own.begin; i < own.end; i++) {
            // This stage has landed, and nobody reads the one before, whose place is filled next.
            ptx::cp_async_wait<kStages - 2>();
            ptx::barrier();
            weights_ahead.copy(p, ring + fresh * kStage);
            copy_next_inputs<Rows>(p, rows, ring + fresh * kStage + kIntegerWeights<Format>, inputs_ahead);
            ptx::cp_async_commit();
            uint32_t w[4][4];
            decode_quarter<Format>(shared.ring + stage * kStage + warp / 4 * kIntegerBlock<Format>, warp % 4, w);
            multiply_rows<Rows>(w, ring + stage * kStage + inputs, sums);
            fresh = stage;
            stage = stage + 1 == kStages ? 0 : stage + 1;
        }

        write_unit<Rows>(p, unit, rows, sums, shared.sums);
    }

    ptx::cp_async_wait<0>();
}

template <IntegerFormat Format>
SRV_DEVICE void multiply_integers(const srv_product_params& p, IntegerShared& shared) {
    static_assert(sizeof(IntegerShared) <= SRV_INTEGER_PRODUCT_SHARED, "the host is told how much shared memory this takes");
    const int rows = count_at(p.row_count);
    if (rows <= 16) {
        multiply_integers<Format, 16>(p, rows, shared);
    } else if (rows <= 32) {
        multiply_integers<Format, 32>(p, rows, shared);
    } else {
        multiply_integers<Format, 64>(p, rows, shared);
    }
}

SRV_KERNEL(srv_product_int8, srv_product_params, kProductThreads) { multiply_integers<IntegerFormat::Int8>(p, *reinterpret_cast<IntegerShared*>(ptx::dynamic_shared())); }

SRV_KERNEL(srv_product_int4, srv_product_params, kProductThreads) { multiply_integers<IntegerFormat::Int4>(p, *reinterpret_cast<IntegerShared*>(ptx::dynamic_shared())); }

SRV_KERNEL(srv_product_int4_asymmetric, srv_product_params, kProductThreads) {
    multiply_integers<IntegerFormat::Int4Asymmetric>(p, *reinterpret_cast<IntegerShared*>(ptx::dynamic_shared()));
}

SRV_KERNEL(srv_product_iq4, srv_product_params, kProductThreads) { multiply_integers<IntegerFormat::Iq4>(p, *reinterpret_cast<IntegerShared*>(ptx::dynamic_shared())); }

SRV_KERNEL(srv_product_mxfp4, srv_product_params, kProductThreads) { multiply_integers<IntegerFormat::Mxfp4>(p, *reinterpret_cast<IntegerShared*>(ptx::dynamic_shared())); }
