// Kernels for the emulator's own tests: right ones, and beside each the mistakes that have to be found.
#include "../../cuda/ptx.cuh"

namespace {

struct VectorParams {
    const float* x;
    float* y;
    uint32_t count;
};

struct ProductParams {
    const uint16_t* a;  // 16 x 16, row-major
    const uint16_t* b;  // 8 x 16: column n of the operand is row n here
    float* d;           // 16 x 8, row-major
};

struct PagedParams {
    const float* pages;  // of 16 floats
    const uint32_t* table;
    float* y;
    uint32_t pages_used;
};

SRV_DEVICE float* shared_floats() { return reinterpret_cast<float*>(ptx::dynamic_shared()); }

enum class Mistake { none, missing_barrier };

// The sum of a block's 128 values, by shuffles and one exchange through shared memory.
template <Mistake mistake>
SRV_DEVICE void block_sum(const VectorParams& p) {
    const uint32_t i = ptx::block_index() * 128 + ptx::thread_index();
    float value = i < p.count ? p.x[i] : 0.0f;
    for (uint32_t by = 16; by > 0; by /= 2) value += ptx::shuffle_xor(value, by);
    float* sums = shared_floats();
    if (ptx::lane() == 0) sums[ptx::warp()] = value;
    if (mistake != Mistake::missing_barrier) ptx::barrier();
    if (ptx::thread_index() == 0) p.y[ptx::block_index()] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// In every round all lanes take what one of them has, or what their neighbours have: those that others wait for run behind, by more shuffles than a warp keeps. The last warp has 16 lanes.
SRV_KERNEL(rounds_of_shuffles, VectorParams, 48) {
    const uint32_t t = ptx::thread_index(), lanes = ptx::warp() == 0 ? 32 : 16;
    float sum = 0;
    for (uint32_t i = 0; i < p.count; i++) {
        const float mine = sum + p.x[t];
        sum = i % 8 == 7 ? ptx::shuffle_xor(mine, 5) : ptx::shuffle_index(mine, i / 100 * 13 % lanes);
        sum = sum > 4096 ? sum - 4096 : sum;
    }

    p.y[t] = sum;
}

enum class Copy { right, not_awaited, no_barrier };

// Every thread brings 16 bytes and takes away its neighbour warp's.
template <Copy copy>
SRV_DEVICE void exchange(const VectorParams& p) {
    const uint32_t t = ptx::thread_index();
    uint8_t* shared = ptx::dynamic_shared();
    ptx::cp_async_16(shared + 16 * t, p.x + 4 * t, t == 0 ? 8 : 16);
    ptx::cp_async_commit();
    if (copy != Copy::not_awaited) ptx::cp_async_wait<0>();
    if (copy != Copy::no_barrier) ptx::barrier();
    ptx::store_16(p.y + 4 * t, ptx::load_16(shared + 16 * (t ^ 32)));
}

template <bool swapped>
SRV_DEVICE void product(const ProductParams& p) {
    const uint32_t lane = ptx::lane();
    uint8_t* shared = ptx::dynamic_shared();
    ptx::cp_async_16(shared + 16 * lane, p.a + 8 * lane);
    if (lane < 16) ptx::cp_async_16(shared + 512 + 16 * lane, p.b + 8 * lane);
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    ptx::warp_sync();
    uint32_t a[4], b[2];
    float d[4] = {};
    // Matrices: rows 0-7 and 8-15 of the lower half of k, then of the upper.
    ptx::ldmatrix_x4(a, shared + (lane % 16) * 32 + (lane / 16) * 16);
    ptx::ldmatrix_x2(b, shared + 512 + (lane % 8) * 32 + (lane / 8 % 2) * 16);
    if (swapped) {
        const uint32_t first = a[1];
        a[1] = a[2];
        a[2] = first;
    }
    ptx::mma_m16n8k16(d, a, b);
    const uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t i = 0; i < 4; i++) p.d[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}

enum class Warpgroup { right, no_proxy_fence, fence_before_the_store, no_barrier, no_fence, not_awaited, never_awaited, overwritten, different };

// 64 lines of ones in shared memory times a row of ones: 16, read by each of a warpgroup's threads.
template <Warpgroup mistake>
SRV_DEVICE void warpgroup(const VectorParams& p) {
    const uint32_t t = ptx::thread_index();
    uint32_t* const shared = reinterpret_cast<uint32_t*>(ptx::dynamic_shared());
    if (mistake == Warpgroup::fence_before_the_store) ptx::fence_proxy_async();
    for (uint32_t i = t; i < 2048; i += 128) shared[i] = 0x3f803f80;
    if (mistake != Warpgroup::no_proxy_fence && mistake != Warpgroup::fence_before_the_store) ptx::fence_proxy_async();
    if (mistake != Warpgroup::no_barrier) ptx::barrier();
    const uint32_t a[4] = {0x3f803f80, 0x3f803f80, 0x3f803f80, 0x3f803f80};
    float d[8][4];
    if (mistake != Warpgroup::no_fence) ptx::wgmma_fence();
    const bool other = mistake == Warpgroup::different && ptx::warp() == 3;
    ptx::wgmma_m64n64k16<false, false>(d, a, ptx::tile_descriptor(ptx::shared_address(shared)) + (other ? 2 : 0));
    ptx::wgmma_commit();
    if (mistake == Warpgroup::overwritten) {
        ptx::barrier();
        shared[t] = 0;
    }
    if (mistake == Warpgroup::not_awaited) ptx::wgmma_wait<1>();
    if (mistake != Warpgroup::never_awaited && mistake != Warpgroup::not_awaited) ptx::wgmma_wait<0>();
    p.y[t] = d[t % 8][t % 4];
}

// Warp 1 leaves its words at a barrier, goes on and writes others; warp 0 takes the first, or those that nothing orders.
template <bool others>
SRV_DEVICE void hand_over(const VectorParams& p) {
    const uint32_t t = ptx::thread_index();
    if (t >= 32) {
        shared_floats()[t - 32] = p.x[t];
        ptx::barrier_arrive(3, 64);
        shared_floats()[t] = p.x[t];
        return;
    }
    ptx::barrier(3, 64);
    p.y[t] = shared_floats()[others ? 63 - t : 31 - t];
}

template <uint32_t shift>
SRV_DEVICE void gather_pages(const PagedParams& p) {
    const uint32_t page = p.table[ptx::block_index() + shift];
    p.y[ptx::block_index() * 16 + ptx::thread_index()] = p.pages[page * 16 + ptx::thread_index()];
}

}  // namespace

SRV_KERNEL(sum_right, VectorParams, 128) { block_sum<Mistake::none>(p); }
SRV_KERNEL(sum_missing_barrier, VectorParams, 128) { block_sum<Mistake::missing_barrier>(p); }

SRV_KERNEL(exchange_right, VectorParams, 64) { exchange<Copy::right>(p); }
SRV_KERNEL(exchange_not_awaited, VectorParams, 64) { exchange<Copy::not_awaited>(p); }
SRV_KERNEL(exchange_no_barrier, VectorParams, 64) { exchange<Copy::no_barrier>(p); }

// A copy's destination is nobody's until it has landed, not even its own thread's.
SRV_KERNEL(copy_over_copy, VectorParams, 32) {
    uint8_t* const own = ptx::dynamic_shared() + 16 * ptx::lane();
    ptx::cp_async_16(own, p.x + 4 * ptx::lane());
    ptx::cp_async_commit();
    ptx::cp_async_16(own, p.x + 4 * ptx::lane() + 128);
    ptx::cp_async_commit();
    ptx::cp_async_wait<0>();
    p.y[ptx::lane()] = shared_floats()[4 * ptx::lane()];
}

SRV_KERNEL(store_over_copy, VectorParams, 32) {
    ptx::cp_async_16(ptx::dynamic_shared() + 16 * ptx::lane(), p.x + 4 * ptx::lane());
    ptx::cp_async_commit();
    shared_floats()[4 * ptx::lane()] = 0;
    ptx::cp_async_wait<0>();
    p.y[ptx::lane()] = shared_floats()[4 * ptx::lane()];
}

SRV_KERNEL(product_right, ProductParams, 32) { product<false>(p); }
SRV_KERNEL(product_wrong_layout, ProductParams, 32) { product<true>(p); }

SRV_KERNEL(warpgroup_right, VectorParams, 128) { warpgroup<Warpgroup::right>(p); }
SRV_KERNEL(warpgroup_no_proxy_fence, VectorParams, 128) { warpgroup<Warpgroup::no_proxy_fence>(p); }
SRV_KERNEL(warpgroup_fence_before_the_store, VectorParams, 128) { warpgroup<Warpgroup::fence_before_the_store>(p); }
SRV_KERNEL(warpgroup_no_barrier, VectorParams, 128) { warpgroup<Warpgroup::no_barrier>(p); }
SRV_KERNEL(warpgroup_no_fence, VectorParams, 128) { warpgroup<Warpgroup::no_fence>(p); }
SRV_KERNEL(warpgroup_not_awaited, VectorParams, 128) { warpgroup<Warpgroup::not_awaited>(p); }
SRV_KERNEL(warpgroup_never_awaited, VectorParams, 128) { warpgroup<Warpgroup::never_awaited>(p); }
SRV_KERNEL(warpgroup_overwritten, VectorParams, 128) { warpgroup<Warpgroup::overwritten>(p); }
SRV_KERNEL(warpgroup_different, VectorParams, 128) { warpgroup<Warpgroup::different>(p); }

SRV_KERNEL(arrives_right, VectorParams, 64) { hand_over<false>(p); }
SRV_KERNEL(arrives_too_early, VectorParams, 64) { hand_over<true>(p); }

SRV_KERNEL(arrives_where_nobody_waits, VectorParams, 64) {
    if (ptx::warp() == 1) ptx::barrier_arrive(3, 64);
}

SRV_KERNEL(traps, VectorParams, 32) { ptx::trap_if_negative(-p.x[ptx::lane()]); }

SRV_KERNEL(pages_right, PagedParams, 16) { gather_pages<0>(p); }
SRV_KERNEL(pages_off_by_one, PagedParams, 16) { gather_pages<1>(p); }

SRV_KERNEL(scale_right, VectorParams, 128) {
    const uint32_t i = ptx::block_index() * 128 + ptx::thread_index();
    if (i < p.count) p.y[i] = 2.0f * p.x[i];
}

SRV_KERNEL(scale_unmasked_tail, VectorParams, 128) {
    const uint32_t i = ptx::block_index() * 128 + ptx::thread_index();
    p.y[i] = 2.0f * (i < p.count ? p.x[i] : 0.0f);
}

// Lanes exchange through shared memory: right with warp_sync, a race without.
SRV_KERNEL(warp_exchange_right, VectorParams, 32) {
    shared_floats()[ptx::lane()] = p.x[ptx::lane()];
    ptx::warp_sync();
    p.y[ptx::lane()] = shared_floats()[31 - ptx::lane()];
}

SRV_KERNEL(warp_exchange_no_sync, VectorParams, 32) {
    shared_floats()[ptx::lane()] = p.x[ptx::lane()];
    p.y[ptx::lane()] = shared_floats()[31 - ptx::lane()];
}

// Two halves of a block, each with a barrier of its own.
SRV_KERNEL(named_barriers_right, VectorParams, 128) {
    const uint32_t t = ptx::thread_index();
    shared_floats()[t] = p.x[t];
    ptx::barrier(1 + t / 64, 64);
    p.y[t] = shared_floats()[t ^ 32];
}

SRV_KERNEL(named_barriers_across, VectorParams, 128) {
    const uint32_t t = ptx::thread_index();
    shared_floats()[t] = p.x[t];
    ptx::barrier(1 + t / 64, 64);
    p.y[t] = shared_floats()[t ^ 64];
}

// A warp reads what the next iteration overwrites.
SRV_KERNEL(ring_no_second_barrier, VectorParams, 64) {
    const uint32_t t = ptx::thread_index();
    for (uint32_t turn = 0; turn < 4; turn++) {
        shared_floats()[t] = p.x[t];
        ptx::barrier();
        p.y[t] = shared_floats()[t ^ 32];
    }
}

SRV_KERNEL(barrier_in_branch, VectorParams, 64) {
    if (ptx::thread_index() < 40) ptx::barrier();
    p.y[ptx::thread_index()] = 1.0f;
}

SRV_KERNEL(shuffle_in_branch, VectorParams, 32) {
    if (ptx::lane() < 16) p.y[ptx::lane()] = ptx::shuffle_xor(1.0f, 1);
}

// Shuffles that some lanes miss, though nobody takes a word of theirs: they make up for it behind a barrier or a meeting, or never; or theirs is of another kind.
template <bool lower, bool meeting>
SRV_DEVICE void shuffle_on_both_sides(const VectorParams& p) {
    // Lane 0 is the last to begin: where the lower lanes go on without their shuffle, all others have had it when the barrier opens.
    const bool first = lower == (ptx::lane() - 1 < 15);
    float x = first ? ptx::shuffle_index(1.0f, ptx::lane()) : 0.0f;
    if (meeting) {
        ptx::warp_sync();
    } else {
        ptx::barrier();
    }

    if (!first) x = ptx::shuffle_index(1.0f, ptx::lane());
    p.y[ptx::lane()] = x;
}

SRV_KERNEL(shuffle_before_others_barrier, VectorParams, 32) { shuffle_on_both_sides<true, false>(p); }
SRV_KERNEL(shuffle_behind_others_barrier, VectorParams, 32) { shuffle_on_both_sides<false, false>(p); }
SRV_KERNEL(shuffle_before_others_meeting, VectorParams, 32) { shuffle_on_both_sides<true, true>(p); }
SRV_KERNEL(shuffle_behind_others_meeting, VectorParams, 32) { shuffle_on_both_sides<false, true>(p); }

SRV_KERNEL(shuffle_when_others_have_returned, VectorParams, 32) {
    if (ptx::lane() - 1 >= 15) p.y[ptx::lane()] = ptx::shuffle_index(1.0f, ptx::lane());
}

SRV_KERNEL(shuffle_more_at_the_end, VectorParams, 32) {
    float x = ptx::shuffle_index(1.0f, 0);
    if (ptx::lane() == 0) x += ptx::shuffle_index(x, 0);
    p.y[ptx::lane()] = x;
}

SRV_KERNEL(shuffle_from_one_that_returned, VectorParams, 32) {
    if (ptx::lane() < 31) p.y[ptx::lane()] = ptx::shuffle_index(1.0f, 31);
}

SRV_KERNEL(different_shuffles, VectorParams, 32) {
    p.y[ptx::lane()] = ptx::lane() < 16 ? ptx::shuffle_xor(1.0f, 1) : ptx::shuffle_index(1.0f, ptx::lane());
}

SRV_KERNEL(different_meetings, VectorParams, 32) {
    if (ptx::lane() < 16) {
        p.y[ptx::lane()] = ptx::shuffle_xor(1.0f, 1);
    } else {
        p.y[ptx::lane()] = ptx::ballot(true) ? 1.0f : 0.0f;
    }
}

SRV_KERNEL(misaligned_load, VectorParams, 32) { ptx::store_16(p.y, ptx::load_16(p.x + 1)); }
SRV_KERNEL(reads_x, VectorParams, 32) { p.y[ptx::lane()] = p.x[ptx::lane()]; }
SRV_KERNEL(reads_unwritten_shared, VectorParams, 32) { p.y[ptx::lane()] = shared_floats()[ptx::lane()]; }
SRV_KERNEL(past_shared, VectorParams, 32) { shared_floats()[32 + ptx::lane()] = p.x[0]; }
SRV_KERNEL(writes_nowhere, VectorParams, 32) { *reinterpret_cast<float*>(uintptr_t{p.count}) = p.x[0]; }

// Which thread came last depends on the order of blocks and threads.
SRV_KERNEL(order_dependent, VectorParams, 32) { *p.y = static_cast<float>(ptx::block_index() * 32 + ptx::thread_index()); }

// Waits for what no block that runs writes.
SRV_KERNEL(waits_for_a_flag, VectorParams, 32) {
    while (*static_cast<const volatile float*>(p.x) != 1.0f) {
    }
    p.y[0] = 1.0f;
}

SRV_KERNEL(counts, VectorParams, 256) { ptx::atomic_add(reinterpret_cast<uint32_t*>(p.y), 1); }

// y = 2·x once the kernels before it are through; x is what they write.
SRV_KERNEL(scale_awaited, VectorParams, 128) {
    ptx::await_producers();
    ptx::release_dependents();
    const uint32_t i = ptx::block_index() * 128 + ptx::thread_index();
    if (i < p.count) p.y[i] = 2.0f * p.x[i];
}

// Reads x before it waits: right where nobody writes it.
SRV_KERNEL(scale_read_ahead, VectorParams, 128) {
    const uint32_t i = ptx::block_index() * 128 + ptx::thread_index();
    const float x = i < p.count ? p.x[i] : 0.0f;
    ptx::await_producers();
    if (i < p.count) p.y[i] = 2.0f * x;
}
