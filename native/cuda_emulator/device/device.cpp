#include "device.h"

#include <cmath>
#include <cstring>

#include "../checks/access.h"

namespace emulator {

namespace {

// The .ftz variants take subnormals for zeros and give zeros for them.
float flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

template <class... Word>
inline void bring(Word... words) {
    uint32_t* in = &current->warp->in[0][current->lane];
    ((*in = words, in += 32), ...);
}

inline uint32_t taken(uint32_t word = 0) { return current->warp->out[word][current->lane]; }

inline Float4 mma(Operation operation) {
    meet(operation, 0);
    const auto sum = [](uint32_t word) { return __builtin_bit_cast(float, taken(word)); };
    return {sum(0), sum(1), sum(2), sum(3)};
}

uint32_t bits(float x) { return __builtin_bit_cast(uint32_t, x); }

void check_is_global(const void* pointer) {
    if (current->block->launch().checked && !GlobalMemory::contains(reinterpret_cast<uintptr_t>(pointer)))
        check_other(reinterpret_cast<uintptr_t>(pointer), 16, Access::atomic);
}

void check_is_shared(const void* pointer, const char* instruction) {
    const auto address = reinterpret_cast<uintptr_t>(pointer);
    if (!current->block->owns_shared(address))
        current->block->fail(FindingKind::shared_out_of_bounds, address, std::string(instruction) + " on an address outside shared memory");
}

}  // namespace

uint32_t thread_index() { return current->index; }
uint32_t block_size() { return current->block->launch().threads; }
uint32_t block_index(int axis) { return current->block->index(axis); }
uint32_t block_count(int axis) { return current->block->launch().grid[axis]; }
uint8_t* dynamic_shared() { return current->block->shared(); }

void barrier() { current->block->wait_at_barrier(0, current->block->warps() * 32); }
void barrier(uint32_t id, uint32_t threads) { current->block->wait_at_barrier(id, threads); }
void barrier_arrive(uint32_t id, uint32_t threads) { meet(Operation::barrier_arrive, id << 16 | threads); }
void warp_sync() { meet(Operation::warp_sync, 0); }
void await_producers() { current->awaited = true; }
void threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }

uint32_t shuffle(Operation kind, uint32_t value, uint32_t by) {
    const uint32_t lane = current->lane, distance = by & 31, below = lane + distance < 32 ? lane + distance : lane;
    return exchange(kind, value, kind == Operation::shuffle_index ? distance : kind == Operation::shuffle_xor ? lane ^ distance : below);
}

uint32_t ballot(bool vote) {
    bring(static_cast<uint32_t>(vote));
    meet(Operation::vote, 0);
    return taken();
}

bool any(bool vote) { return ballot(vote) != 0; }
bool all(bool vote) { return ballot(vote) == current->warp->members; }

float exp2_approx(float x) { return flushed(static_cast<float>(std::exp2(static_cast<double>(flushed(x))))); }
float log2_approx(float x) { return static_cast<float>(std::log2(static_cast<double>(flushed(x)))); }
float rcp_approx(float x) { return flushed(1.0f / flushed(x)); }
float rsqrt_approx(float x) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(flushed(x)))); }

Vec4 load_16(const void* from) {
    check<Access::read, 16>(from);
    return *static_cast<const Vec4*>(from);
}

Vec2 load_8(const void* from) {
    check<Access::read, 8>(from);
    return *static_cast<const Vec2*>(from);
}

void store_16(void* to, Vec4 value) {
    check<Access::write, 16>(to);
    *static_cast<Vec4*>(to) = value;
}

void store_8(void* to, Vec2 value) {
    check<Access::write, 8>(to);
    *static_cast<Vec2*>(to) = value;
}

Vec4 load_16_global(const void* from) {
    check_is_global(from);
    return load_16(from);
}

void prefetch_global(const void* from) { check_is_global(from); }

uint32_t atomic_add(uint32_t* to, uint32_t value) {
    check_any(to, 4, true, Access::atomic);
    return __atomic_fetch_add(to, value, __ATOMIC_SEQ_CST);
}

void cp_async(void* shared, const void* global, uint32_t bytes, uint32_t source_bytes) {
    Thread& thread = *current;
    check_is_shared(shared, "cp.async");
    if (thread.block->launch().checked) {
        const auto address = reinterpret_cast<uintptr_t>(shared);
        if (address % bytes != 0) fail_misaligned(address, bytes);
        if (reinterpret_cast<uintptr_t>(global) % bytes != 0) fail_misaligned(reinterpret_cast<uintptr_t>(global), bytes);
        if (source_bytes > bytes) thread.block->fail(FindingKind::misaligned, address, "cp.async of more than its bytes");
        if (source_bytes > 0) {
            check_is_global(global);
            if (source_bytes == 16) {
                check<Access::read, 16>(global);
            } else {
                check_any(global, source_bytes, false, Access::read);
            }
        }
        begin_async_copy(address, bytes);
    }
    std::memset(shared, 0xff, bytes);  // NaN until it lands
    thread.copies.push_back({static_cast<uint8_t*>(shared), static_cast<const uint8_t*>(global), bytes, source_bytes, thread.group});
}

void cp_async_commit() { current->group++; }

void cp_async_wait(int pending) {
    Thread& thread = *current;
    size_t landed = 0;
    for (const AsyncCopy& copy : thread.copies) {
        if (thread.group - copy.group <= static_cast<uint32_t>(pending)) break;
        if (thread.checked) end_async_copy(reinterpret_cast<uintptr_t>(copy.shared), copy.bytes);
        if (copy.source_bytes == 16) {
            std::memcpy(copy.shared, copy.global, 16);
        } else {
            std::memcpy(copy.shared, copy.global, copy.source_bytes);
            std::memset(copy.shared + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
        }
        landed++;
    }
    thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<std::ptrdiff_t>(landed));
}

Vec4 ldmatrix(const void* row, int matrices, bool transposed) {
    Thread& thread = *current;
    if (thread.lane < static_cast<uint32_t>(8 * matrices)) {
        check_is_shared(row, "ldmatrix");
        check<Access::read, 16>(row);
    }
    thread.warp->rows[thread.lane] = row;
    meet(Operation::ldmatrix, static_cast<uint32_t>(matrices) | static_cast<uint32_t>(transposed) << 8);
    return {taken(0), taken(1), taken(2), taken(3)};
}

Float4 mma_m16n8k16(Vec4 a, Vec2 b, Float4 c) {
    bring(a.x, a.y, a.z, a.w, b.x, b.y, bits(c.x), bits(c.y), bits(c.z), bits(c.w));
    return mma(Operation::mma_k16);
}

Float4 mma_m16n8k8(Vec2 a, uint32_t b, Float4 c) {
    bring(a.x, a.y, b, bits(c.x), bits(c.y), bits(c.z), bits(c.w));
    return mma(Operation::mma_k8);
}

void fence_proxy_async() { current->block->shared_checks().fence(current->index); }

// The device's own bits, but of the address within the block's shared memory.
uint64_t tile_descriptor(uintptr_t tile) {
    const uint64_t offset = tile - reinterpret_cast<uintptr_t>(current->block->shared());
    return 1ull << 62 | (1024ull >> 4) << 32 | (1024ull >> 4) << 16 | (offset & 0x3ffff) >> 4;
}

void wgmma(float* d, Vec4 a, Product product) {
    bring(a.x, a.y, a.z, a.w, static_cast<uint32_t>(product.descriptor), static_cast<uint32_t>(product.descriptor >> 32));
    current->warp->results[current->lane] = d;
    meet(Operation::wgmma, static_cast<uint32_t>(product.turned) | static_cast<uint32_t>(product.adds) << 1);
}

void wgmma_fence() { meet(Operation::wgmma_fence, 0); }
void wgmma_commit() { meet(Operation::wgmma_commit, 0); }
void wgmma_wait(int pending) { meet(Operation::wgmma_wait, static_cast<uint32_t>(pending)); }

void trap_if_negative(float x) {
    if (x < 0) current->block->fail(FindingKind::trapped, 0, "a value that is said never to be negative is");
}

}  // namespace emulator
