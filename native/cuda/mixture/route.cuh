// Which experts every row goes through, and with which weights.
//
// Memory: a block is 32 rows, a warp a row; a lane holds every 32nd logit in registers, and each choice is a walk over them and one reduction by the warp. Choices of an expert meet in
// one word of shared memory, a bit per row, which only additions of different bits change: their order is nothing.
// Bytes per row and expert: 4 read, ⅛ written; 8 written per choice. Operations per row: about 3 per expert and choice, 15 per exponential.
// Order: weights are summed in the order of choices; with all experts, a lane's ascending, then by the warp's tree.
#pragma once
#include "../common/exponential.cuh"
#include "../common/reduce.cuh"
#include "choices.cuh"

constexpr int kRouteThreads = 1024;
constexpr int kRouteLogits = SRV_MAX_EXPERTS / 32;  // of a lane

struct RouteShared {
    uint32_t marks[SRV_MAX_EXPERTS];
};

// A number that orders as the logit does and is never 0, which stands for none: zeros are equal, what is no number is below all.
SRV_DEVICE uint32_t order_of(float logit) {
    const uint32_t bits = ptx::as_uint(logit + 0.0f);
    const uint32_t order = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
    return logit == logit ? order : 1;
}

// The lane's part of a row.
struct RouteRow {
    uint32_t orders[kRouteLogits];

    SRV_DEVICE RouteRow(const float* logits, int experts) {
        SRV_UNROLL
        for (int i = 0; i < kRouteLogits; i++) {
            const int expert = i * 32 + static_cast<int>(ptx::lane());
            orders[i] = expert < experts ? order_of(logits[expert]) : 0;
        }
    }

    // The warp's largest, the lowest expert of equal ones, which is not found again.
    SRV_DEVICE int take() {
        uint32_t best = 0;
        int at = 0;
        SRV_UNROLL
        for (int i = 0; i < kRouteLogits; i++) {
            at = orders[i] > best ? i * 32 + static_cast<int>(ptx::lane()) : at;
            best = orders[i] > best ? orders[i] : best;
        }

        for (uint32_t by = 16; by > 0; by /= 2) {
            const uint32_t other = ptx::shuffle_xor(best, by);
            const int other_at = ptx::shuffle_xor(at, by);
            const bool beats = other > best || (other == best && other_at < at);
            best = beats ? other : best;
            at = beats ? other_at : at;
        }

        SRV_UNROLL
        for (int i = 0; i < kRouteLogits; i++) {
            orders[i] = i * 32 + static_cast<int>(ptx::lane()) == at ? 0 : orders[i];
        }

        return at;
    }
};

// The sum of e^(logit - largest) over all experts.
SRV_DEVICE float sum_of_all(const float* logits, int experts, float largest) {
    float sum = 0;
    for (int expert = static_cast<int>(ptx::lane()); expert < experts; expert += 32) {
        sum += exponential(logits[expert] - largest);
    }

    return warp_sum(sum);
}

// A warp's row; lane i ends with choice i.
SRV_DEVICE void route_row(const srv_route_params& p, int row, RouteShared& shared) {
    const srv_mixture& mixture = p.mixture;
    const float* logits = row_of<const float>(p.logits, row, p.stride);
    const int lane = static_cast<int>(ptx::lane());
    RouteRow left(logits, mixture.expert_count);
    int expert = 0;
    for (int i = 0; i < mixture.choice_count; i++) {
        const int taken = left.take();
        expert = i == lane ? taken : expert;
    }

    const float logit = logits[expert];
    const float largest = ptx::shuffle_index(logit, 0);
    const float power = exponential(logit - largest);
    float total = 0;
    for (int i = 0; i < mixture.choice_count; i++) {
        total += ptx::shuffle_index(power, static_cast<uint32_t>(i));
    }

    if (p.renormalize == 0) {
        total = sum_of_all(logits, mixture.expert_count, largest);
    }

    if (lane < mixture.choice_count) {
        const int64_t number = static_cast<int64_t>(row) * mixture.choice_count + lane;
        at<int>(mixture.experts)[number] = expert;
        at<float>(mixture.weights)[number] = ptx::div_rn(power, total);
        ptx::atomic_add(&shared.marks[expert], 1u << row % SRV_ROUTE_ROWS);
    }
}

SRV_KERNEL(srv_route, srv_route_params, kRouteThreads) {
    static_assert(sizeof(RouteShared) <= SRV_ROUTE_SHARED, "the host is told how much shared memory this takes");
    static_assert(kRouteThreads == 32 * SRV_ROUTE_ROWS, "a warp per row");
    RouteShared& shared = *reinterpret_cast<RouteShared*>(ptx::dynamic_shared());
    const int rows = count_at(p.mixture.row_count);
    const int expert = static_cast<int>(ptx::thread_index());
    for (int group = static_cast<int>(ptx::block_index()); group < route_groups(p.mixture); group += static_cast<int>(ptx::block_count())) {
        if (expert < p.mixture.expert_count) {
            shared.marks[expert] = 0;
        }

        ptx::barrier();
        const int row = group * SRV_ROUTE_ROWS + static_cast<int>(ptx::warp());
        if (row < rows) {
            route_row(p, row, shared);
        }

        ptx::barrier();
        if (expert < p.mixture.expert_count) {
            marks_of(p.mixture, group)[expert] = shared.marks[expert];
        }
    }
}
