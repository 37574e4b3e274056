// srv_experts_few and srv_experts of matrices of integers: the products of a mixture whose weights come as eight or four bits and become bf16 in registers, as srv_product_int8 and its kin have them. Units, places, order and
// ends are those of srv_experts, so that its bits are those of srv_experts with the decoded matrices; what is said there of choices and tiles holds here.
//
// Memory: an expert's matrix begins a strip. A stage of the ring is a block of two strips of it, 64 inputs of 128 outputs (with a gate a strip of gate and the one of up that belongs to it): 8.5 KiB (int8), 4.5
// (int4, codes) or 5 (int4 with offsets), and the inputs of the tile's places, at most 4 or 8 KiB. The ring has as many stages as 82.5 KiB hold, six to nine with tiles of 32 places, five or six with tiles of 64.
// Few rows: two blocks per multiprocessor of compute capability 9.0, 72 to 85 KiB of weights under way on each (reasoned, not measured). Many rows: integer_experts.cuh, which the module for compute capability 9.0 does without.
// Bytes per expert that was chosen, output and input: 1.0625, 0.5625 or 0.625, once for every tile of its places; the rest as srv_experts.
// Operations: those of srv_experts; to decode an element, once for every tile of places, as in integer_product.cuh.
#pragma once
#include "../mixture/experts.cuh"
#include "integer_product.cuh"

// A stage's weights of integers: what two strips have of its inputs.
template <IntegerFormat Format>
struct ExpertIntegers {
    static constexpr int kBytes = kIntegerWeights<Format>;

    int strips;            // of the unit: 2, or 1 where the expert's matrix ends
    int64_t gap;           // bytes from the first to the second
    const uint8_t* block;  // the first one's

    SRV_DEVICE void enter(const srv_experts_params& p, const ExpertUnit& to) {
        const int all = ceil_div(p.outputs, SRV_INTEGER_OUTPUTS);
        const int first = to.first_column / SRV_INTEGER_OUTPUTS;
        const int second = is_gated(p) ? p.outputs / 2 / SRV_INTEGER_OUTPUTS : 1;
        strips = first + second < all ? 2 : 1;
        gap = static_cast<int64_t>(second) * integer_blocks(p.inputs) * kIntegerBlock<Format>;
        block = integer_block_at<Format>(p.weight, p.inputs, to.expert * all + first, 0);
    }

    SRV_DEVICE void copy(const srv_experts_params&, ptx::SharedAddress stage, uint32_t) const { copy_blocks<Format>(stage, block, gap, strips); }

    SRV_DEVICE void next() { block += kIntegerBlock<Format>; }

    SRV_DEVICE static void load(const uint8_t* stage, uint32_t (&w)[4][4]) {
        const int warp = static_cast<int>(ptx::warp());
        decode_quarter<Format>(stage + warp / 4 * kIntegerBlock<Format>, warp % 4, w);
    }
};

template <IntegerFormat Format, int MostRows>
SRV_DEVICE void multiply_integer_experts(const srv_experts_params& p) {
    constexpr int kStages = kIntegerStages<Format, MostRows>;
    static_assert(kExpertShared<ExpertIntegers<Format>, MostRows, kStages> <= SRV_INTEGER_PRODUCT_SHARED, "the host is told how much shared memory this takes");
    multiply_experts<ExpertIntegers<Format>, MostRows, kStages>(p);
}

template <IntegerFormat Format>
SRV_DEVICE void multiply_few_integer_experts(const srv_experts_params& p) {
    ptx::await_producers();
    ptx::release_dependents();
    multiply_integer_experts<Format, SRV_EXPERT_FEW_ROWS>(p);
}

SRV_KERNEL_OF_MANY(srv_experts_few_int8, srv_experts_params, kProductThreads, 2) { multiply_few_integer_experts<IntegerFormat::Int8>(p); }
SRV_KERNEL_OF_MANY(srv_experts_few_int4, srv_experts_params, kProductThreads, 2) { multiply_few_integer_experts<IntegerFormat::Int4>(p); }
SRV_KERNEL_OF_MANY(srv_experts_few_int4_asymmetric, srv_experts_params, kProductThreads, 2) { multiply_few_integer_experts<IntegerFormat::Int4Asymmetric>(p); }
SRV_KERNEL_OF_MANY(srv_experts_few_iq4, srv_experts_params, kProductThreads, 2) { multiply_few_integer_experts<IntegerFormat::Iq4>(p); }
SRV_KERNEL_OF_MANY(srv_experts_few_mxfp4, srv_experts_params, kProductThreads, 2) { multiply_few_integer_experts<IntegerFormat::Mxfp4>(p); }
