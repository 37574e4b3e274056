// The words of native/cuda/ptx.cuh for the emulator. What is one lane's own arithmetic stands here; what concerns other lanes, other threads or checked
// memory is a call into the emulator. Arrays go by value, so that they stay in registers and the compiler reports no access to them.
#pragma once

#include <stdint.h>

#include "device.h"

#define SRV_DEVICE inline __attribute__((always_inline))

// What is added to the names of a file's kernels, and the only one of them that is compiled: a copy with a mistake in it stands beside the right one (plants/).
#ifndef SRV_KERNEL_SUFFIX
#define SRV_KERNEL_SUFFIX ""
#define SRV_KERNEL_ONLY ""
#endif

#define SRV_KERNEL(name, Params, max_threads)                                                                       \
    static void name(const Params p);                                                                               \
    __attribute__((no_sanitize("thread"))) static void name##_entry(const void* p) {                                \
        name(*static_cast<const Params*>(p)); /* each thread has a copy of its own: no access of the kernel's */    \
    }                                                                                                               \
    static const emulator::Registration name##_registration(#name SRV_KERNEL_SUFFIX, emulator::is_compiled(#name, SRV_KERNEL_ONLY) ? name##_entry : nullptr, sizeof(Params), max_threads); \
    static void name(const Params p)
#define SRV_KERNEL_OF_MANY(name, Params, max_threads, blocks) SRV_KERNEL(name, Params, max_threads)

#define SRV_KERNEL_ALONE(name, Params, threads) SRV_KERNEL(name, Params, threads)

namespace ptx {

using emulator::Vec2;
using emulator::Vec4;

SRV_DEVICE uint32_t thread_index() { return emulator::thread_index(); }
SRV_DEVICE uint32_t block_size() { return emulator::block_size(); }
SRV_DEVICE uint32_t lane() { return emulator::thread_index() % 32; }
SRV_DEVICE uint32_t warp() { return emulator::thread_index() / 32; }
SRV_DEVICE uint32_t block_index() { return emulator::block_index(0); }
SRV_DEVICE uint32_t block_index_y() { return emulator::block_index(1); }
SRV_DEVICE uint32_t block_index_z() { return emulator::block_index(2); }
SRV_DEVICE uint32_t block_count() { return emulator::block_count(0); }
SRV_DEVICE uint32_t block_count_y() { return emulator::block_count(1); }
SRV_DEVICE uint32_t block_count_z() { return emulator::block_count(2); }

SRV_DEVICE void barrier() { emulator::barrier(); }
SRV_DEVICE void barrier(uint32_t id, uint32_t threads) { emulator::barrier(id, threads); }
SRV_DEVICE void barrier_arrive(uint32_t id, uint32_t threads) { emulator::barrier_arrive(id, threads); }
SRV_DEVICE void warp_sync() { emulator::warp_sync(); }
SRV_DEVICE void threadfence() { emulator::threadfence(); }

// An early launch runs when everything before it has ended, as any other: what it does before it waits is checked.
SRV_DEVICE void await_producers() { emulator::await_producers(); }
SRV_DEVICE void release_dependents() {}

SRV_DEVICE float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
SRV_DEVICE uint32_t as_uint(float value) { return __builtin_bit_cast(uint32_t, value); }

SRV_DEVICE uint32_t shuffle_xor(uint32_t value, uint32_t by) { return emulator::shuffle(emulator::Operation::shuffle_xor, value, by); }
SRV_DEVICE uint32_t shuffle_down(uint32_t value, uint32_t by) { return emulator::shuffle(emulator::Operation::shuffle_down, value, by); }
SRV_DEVICE uint32_t shuffle_index(uint32_t value, uint32_t by) { return emulator::shuffle(emulator::Operation::shuffle_index, value, by); }
SRV_DEVICE int32_t shuffle_xor(int32_t value, uint32_t by) { return static_cast<int32_t>(shuffle_xor(static_cast<uint32_t>(value), by)); }
SRV_DEVICE int32_t shuffle_down(int32_t value, uint32_t by) { return static_cast<int32_t>(shuffle_down(static_cast<uint32_t>(value), by)); }
SRV_DEVICE int32_t shuffle_index(int32_t value, uint32_t by) { return static_cast<int32_t>(shuffle_index(static_cast<uint32_t>(value), by)); }
SRV_DEVICE float shuffle_xor(float value, uint32_t by) { return as_float(shuffle_xor(as_uint(value), by)); }
SRV_DEVICE float shuffle_down(float value, uint32_t by) { return as_float(shuffle_down(as_uint(value), by)); }
SRV_DEVICE float shuffle_index(float value, uint32_t by) { return as_float(shuffle_index(as_uint(value), by)); }

SRV_DEVICE uint32_t ballot(bool vote) { return emulator::ballot(vote); }
SRV_DEVICE bool any(bool vote) { return emulator::any(vote); }
SRV_DEVICE bool all(bool vote) { return emulator::all(vote); }

SRV_DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
SRV_DEVICE float div_rn(float a, float b) { return a / b; }
SRV_DEVICE float maximum(float a, float b) {
    if (a != a || a < b) return b;
    return b != b || b < a ? a : as_float(as_uint(a) & as_uint(b));
}
SRV_DEVICE float rcp_rn(float x) { return 1.0f / x; }
SRV_DEVICE float sqrt_rn(float x) { return __builtin_sqrtf(x); }
SRV_DEVICE float exp2_approx(float x) { return emulator::exp2_approx(x); }
SRV_DEVICE float log2_approx(float x) { return emulator::log2_approx(x); }
SRV_DEVICE float rcp_approx(float x) { return emulator::rcp_approx(x); }
SRV_DEVICE float rsqrt_approx(float x) { return emulator::rsqrt_approx(x); }

SRV_DEVICE uint32_t mul_hi(uint32_t a, uint32_t b) { return static_cast<uint32_t>((static_cast<uint64_t>(a) * b) >> 32); }
SRV_DEVICE uint32_t popcount(uint32_t bits) { return static_cast<uint32_t>(__builtin_popcount(bits)); }
SRV_DEVICE uint32_t leading_zeros(uint32_t bits) { return bits ? static_cast<uint32_t>(__builtin_clz(bits)) : 32u; }

SRV_DEVICE uint32_t permute_bytes(uint32_t a, uint32_t b, uint32_t selector) {
    const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
    uint32_t result = 0;
    for (int i = 0; i < 4; i++) {
        result |= static_cast<uint32_t>(bytes >> (selector >> i * 4 & 7) * 8 & 0xff) << i * 8;
    }

    return result;
}

SRV_DEVICE uint16_t to_bf16(float x) {
    const uint32_t bits = as_uint(x);
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fff : static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

SRV_DEVICE uint32_t to_bf16x2(float low, float high) { return to_bf16(low) | static_cast<uint32_t>(to_bf16(high)) << 16; }
SRV_DEVICE float from_bf16(uint16_t bits) { return as_float(static_cast<uint32_t>(bits) << 16); }
SRV_DEVICE float low_bf16(uint32_t pair) { return as_float(pair << 16); }
SRV_DEVICE float high_bf16(uint32_t pair) { return as_float(pair & 0xffff0000u); }

// To odd first, which keeps what lies between two floats from being rounded twice; in double sums are exact where their operands' exponents are not more than 37 apart.
SRV_DEVICE uint16_t fma_bf16(uint32_t a, uint32_t b, uint32_t c) {
    const double exact = static_cast<double>(low_bf16(a)) * low_bf16(b) + low_bf16(c);
    const float near = static_cast<float>(exact);
    const double beyond = static_cast<double>(near) - exact;
    return beyond == 0 || beyond != beyond ? to_bf16(near) : to_bf16(as_float((as_uint(near) - ((beyond > 0) == (near > 0))) | 1));
}

SRV_DEVICE uint32_t fma_bf16x2(uint32_t a, uint32_t b, uint32_t c) { return fma_bf16(a, b, c) | static_cast<uint32_t>(fma_bf16(a >> 16, b >> 16, c >> 16)) << 16; }

SRV_DEVICE Vec4 load_16(const void* from) { return emulator::load_16(from); }
SRV_DEVICE Vec2 load_8(const void* from) { return emulator::load_8(from); }
SRV_DEVICE void store_16(void* to, Vec4 value) { emulator::store_16(to, value); }
SRV_DEVICE void store_8(void* to, Vec2 value) { emulator::store_8(to, value); }
SRV_DEVICE Vec4 load_16_streaming(const void* from) { return emulator::load_16_global(from); }
SRV_DEVICE void prefetch_l2(const void* from) { emulator::prefetch_global(from); }
SRV_DEVICE uint32_t atomic_add(uint32_t* to, uint32_t value) { return emulator::atomic_add(to, value); }
SRV_DEVICE uint8_t* dynamic_shared() { return emulator::dynamic_shared(); }

using SharedAddress = uintptr_t;
SRV_DEVICE SharedAddress shared_address(const void* pointer) { return reinterpret_cast<SharedAddress>(pointer); }

SRV_DEVICE void cp_async_16(void* shared, const void* global, uint32_t source_bytes = 16) { emulator::cp_async(shared, global, 16, source_bytes); }
SRV_DEVICE void cp_async_16(SharedAddress shared, const void* global, uint32_t source_bytes = 16) {
    cp_async_16(reinterpret_cast<void*>(shared), global, source_bytes);
}
SRV_DEVICE void cp_async_4(SharedAddress shared, const void* global, uint32_t source_bytes = 4) {
    emulator::cp_async(reinterpret_cast<void*>(shared), global, 4, source_bytes);
}
SRV_DEVICE void cp_async_commit() { emulator::cp_async_commit(); }
template <int N>
SRV_DEVICE void cp_async_wait() { emulator::cp_async_wait(N); }

#define SRV_EMULATOR_LDMATRIX(suffix, transposed)                                                                    \
    SRV_DEVICE void ldmatrix_x1##suffix(uint32_t& out, const void* row) { out = emulator::ldmatrix(row, 1, transposed).x; } \
    SRV_DEVICE void ldmatrix_x2##suffix(uint32_t (&out)[2], const void* row) {                                       \
        const Vec4 v = emulator::ldmatrix(row, 2, transposed);                                                       \
        out[0] = v.x, out[1] = v.y;                                                                                  \
    }                                                                                                                \
    SRV_DEVICE void ldmatrix_x4##suffix(uint32_t (&out)[4], const void* row) {                                       \
        const Vec4 v = emulator::ldmatrix(row, 4, transposed);                                                       \
        out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;                                                      \
    }                                                                                                                \
    SRV_DEVICE void ldmatrix_x4##suffix(uint32_t (&out)[4], SharedAddress row) { ldmatrix_x4##suffix(out, reinterpret_cast<const void*>(row)); }
SRV_EMULATOR_LDMATRIX(, false)
SRV_EMULATOR_LDMATRIX(_trans, true)
#undef SRV_EMULATOR_LDMATRIX

SRV_DEVICE void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    const emulator::Float4 sum = emulator::mma_m16n8k16({a[0], a[1], a[2], a[3]}, {b[0], b[1]}, {d[0], d[1], d[2], d[3]});
    d[0] = sum.x, d[1] = sum.y, d[2] = sum.z, d[3] = sum.w;
}

SRV_DEVICE void mma_m16n8k8(float (&d)[4], const uint32_t (&a)[2], uint32_t b) {
    const emulator::Float4 sum = emulator::mma_m16n8k8({a[0], a[1]}, b, {d[0], d[1], d[2], d[3]});
    d[0] = sum.x, d[1] = sum.y, d[2] = sum.z, d[3] = sum.w;
}

SRV_DEVICE void fence_proxy_async() { emulator::fence_proxy_async(); }
SRV_DEVICE uint64_t tile_descriptor(SharedAddress tile) { return emulator::tile_descriptor(tile); }

template <bool Turned, bool Adds>
SRV_DEVICE void wgmma_m64n64k16(float (*d)[4], const uint32_t (&a)[4], uint64_t b) {
    emulator::wgmma(d[0], {a[0], a[1], a[2], a[3]}, {Turned, Adds, b});
}

SRV_DEVICE void wgmma_fence() { emulator::wgmma_fence(); }
SRV_DEVICE void wgmma_commit() { emulator::wgmma_commit(); }
template <int N>
SRV_DEVICE void wgmma_wait() { emulator::wgmma_wait(N); }
template <int N>
SRV_DEVICE void registers_give() { static_assert(N % 8 == 0 && N >= 24 && N <= 256); }
template <int N>
SRV_DEVICE void registers_take() { static_assert(N % 8 == 0 && N >= 24 && N <= 256); }
SRV_DEVICE void trap_if_negative(float x) { emulator::trap_if_negative(x); }
SRV_DEVICE void wgmma_hold(float (*)[4]) {}
SRV_DEVICE void wgmma_hold(uint32_t (&)[4]) {}

}  // namespace ptx
