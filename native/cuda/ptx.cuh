// All PTX of the project: one function per instruction. Kernels are freestanding (no toolkit header, no libm, no statics) and use of the device
// only what stands here; the emulator replaces this file alone (native/cuda_emulator/device/ptx.cuh) and runs the same kernels on the CPU.
//
// What a kernel may use
//
//   SRV_KERNEL(name, Params, max_threads) { ... p.field ... }   one struct by value, called p; blocks are one-dimensional
//   SRV_KERNEL_ALONE(name, Params, threads) { ... }             one block of exactly so many threads has a multiprocessor: what registers_give and _take need
//   SRV_KERNEL_OF_MANY(name, Params, max_threads, blocks)       the same with registers for so many blocks on a multiprocessor
//   SRV_DEVICE                                                  a function called by kernels; always inlined, templates too
//
//   where        thread_index() block_size() lane() warp() block_index[_y|_z]() block_count[_y|_z]()
//   meeting      barrier()  barrier(id, threads) for whole warps, id 1-15  barrier_arrive(id, threads) counts for a barrier and goes on
//                warp_sync()  threadfence()
//                await_producers()  what the kernels before this one have written is there; needed only where a launch does not wait for them (StepKernel.WaitsByItself)
//                release_dependents()  a kernel behind this one that so begins early may now; both do nothing before sm_90
//   warp         shuffle_xor shuffle_down shuffle_index (float, uint32_t, int32_t; all 32 lanes take part)  ballot any all
//   arithmetic   fma div_rn rcp_rn sqrt_rn (nearest even)  exp2_approx log2_approx rcp_approx rsqrt_approx (subnormals flushed)
//                maximum (a number beats NaN, +0 beats -0)
//                mul_hi popcount leading_zeros  as_float as_uint
//                permute_bytes(a, b, selector): byte i of the result is that of the eight, a's first, which nibble i of the selector names; nibbles are below 8
//   bf16         to_bf16(x) to_bf16x2(low, high) (nearest even)  from_bf16(bits) low_bf16(pair) high_bf16(pair)  fma_bf16x2(a, b, c) of both halves, rounded once
//   memory       plain pointers; load_16 load_8 store_16 store_8 (aligned)  load_16_streaming (read once, not kept in L1)  prefetch_l2
//                atomic_add(uint32_t*) returns the old value
//   shared       dynamic_shared() only, aligned to 1,024 bytes; no __shared__ variables. shared_address(pointer) is a SharedAddress: a number of 32 bits, with which
//                copies and tiles are named at half the cost of a pointer; sums and exclusive ors of bytes are addresses again
//   copies       cp_async_16(shared, global, source_bytes) the rest is zeros  cp_async_4 the same; cp_async_commit()  cp_async_wait<N>() all but the last N
//                groups of this thread have landed; a barrier makes them visible to the others
//   proxies      fence_proxy_async() what this thread has written to shared memory, copies that it has awaited included, can be read by wgmma once a barrier
//                has told the readers
//   tiles        ldmatrix_x1/x2/x4[_trans](out, row): lane 8 i + r gives the address of row r (16 bytes) of matrix i
//                mma_m16n8k16(d, a, b) mma_m16n8k8(d, a, b): d += a b, bf16 in, fp32 out
//
// sm_90a only, for kernels of kernels_hopper.cu; the four warps of a warpgroup (warps 4 n .. 4 n + 3) call them together:
//   warpgroup    wgmma_m64n64k16<Turned, Adds>(d, a, b) begins d (+)= a b: bf16 in, fp32 out, a in registers, b in shared memory by its descriptor
//                wgmma_fence() before the first product after registers of one were written  wgmma_commit()  wgmma_wait<N>() all but the last N
//                groups are done; until then neither d, a nor b may be touched  wgmma_hold(registers) no instruction: their uses stay behind it, or before it
//                trap_if_negative(x) what x is made of stays before it
//                registers_give<N>() registers_take<N>() how many registers a thread of the warpgroup has: fewer, then, in another one, more
//
// Fragments, lane = 4 g + t (g = 0-7, t = 0-3); a pair holds the lower column or row in its low half
//   ldmatrix      matrix i, row g, columns 2t, 2t+1 → out[i];  _trans: rows 2t, 2t+1 of column g
//   mma a 16 × k  a[0] (row g, k 2t..)  a[1] (row g+8, k 2t..)  a[2] (row g, k 2t+8..)  a[3] (row g+8, k 2t+8..);  k8: a[0], a[1]
//   mma b  k × 8  b[0] (k 2t.., column g)  b[1] (k 2t+8.., column g);  k8: b alone
//   mma d 16 × 8  d[0], d[1] (row g, columns 2t, 2t+1)  d[2], d[3] (row g+8, the same)
//   wgmma         warp w of four has rows 16 w .. 16 w + 15: a as mma a 16 × 16; d[j] as mma d of columns 8 j .. 8 j + 7
//   wgmma b       lines of 128 bytes, 64 elements, eight of which are an atom of 1,024 bytes; 16-byte chunk c of line r lies at c ^ (r & 7); atoms follow each
//                 other. A line is 64 k of a column n (16 of them are read, from the descriptor's address on); Turned: 64 columns of a k.
//
// Contraction is off in every build (clang -ffp-contract=off, nvcc -fmad=false): where a product is fused, the source says fma.
#pragma once

#ifdef SRV_CUDA_EMULATOR
#include "../cuda_emulator/device/ptx.cuh"
#else

#include <stdint.h>

// nvcc knows these words by itself, clang without the toolkit's headers does not.
#ifndef __global__
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ inline __attribute__((always_inline))
#endif

#define SRV_DEVICE __device__ __forceinline__
#define SRV_KERNEL(name, Params, max_threads) extern "C" __global__ void __launch_bounds__(max_threads) name(const Params p)
#define SRV_KERNEL_ALONE(name, Params, threads) extern "C" __global__ void __launch_bounds__(threads, 1) name(const Params p)
#define SRV_KERNEL_OF_MANY(name, Params, max_threads, blocks) extern "C" __global__ void __launch_bounds__(max_threads, blocks) name(const Params p)

extern __shared__ __attribute__((aligned(1024))) unsigned char srv_dynamic_shared[];

namespace ptx {

struct alignas(8) Vec2 {
    uint32_t x, y;
};

struct alignas(16) Vec4 {
    uint32_t x, y, z, w;
};

// ---- where

#define SRV_PTX_REGISTER(function, name)              \
    SRV_DEVICE uint32_t function() {                  \
        uint32_t value;                               \
        asm("mov.u32 %0, %%" name ";" : "=r"(value)); \
        return value;                                 \
    }
SRV_PTX_REGISTER(thread_index, "tid.x")
SRV_PTX_REGISTER(block_size, "ntid.x")
SRV_PTX_REGISTER(lane, "laneid")
SRV_PTX_REGISTER(block_index, "ctaid.x")
SRV_PTX_REGISTER(block_index_y, "ctaid.y")
SRV_PTX_REGISTER(block_index_z, "ctaid.z")
SRV_PTX_REGISTER(block_count, "nctaid.x")
SRV_PTX_REGISTER(block_count_y, "nctaid.y")
SRV_PTX_REGISTER(block_count_z, "nctaid.z")
#undef SRV_PTX_REGISTER

SRV_DEVICE uint32_t warp() { return thread_index() / 32; }

// ---- meeting

SRV_DEVICE void barrier() { asm volatile("bar.sync 0;" ::: "memory"); }
SRV_DEVICE void barrier(uint32_t id, uint32_t threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
SRV_DEVICE void barrier_arrive(uint32_t id, uint32_t threads) { asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
SRV_DEVICE void warp_sync() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }
SRV_DEVICE void threadfence() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
SRV_DEVICE void await_producers() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
SRV_DEVICE void release_dependents() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
#else
SRV_DEVICE void await_producers() {}
SRV_DEVICE void release_dependents() {}
#endif

// ---- words as they are

SRV_DEVICE float as_float(uint32_t bits) {
    float value;
    asm("mov.b32 %0, %1;" : "=f"(value) : "r"(bits));
    return value;
}

SRV_DEVICE uint32_t as_uint(float value) {
    uint32_t bits;
    asm("mov.b32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

// ---- warp

#define SRV_PTX_SHUFFLE(function, mode, clamp)                                                                                   \
    SRV_DEVICE uint32_t function(uint32_t value, uint32_t by) {                                                                  \
        uint32_t other;                                                                                                          \
        asm volatile("shfl.sync." mode ".b32 %0, %1, %2, " clamp ", 0xffffffff;" : "=r"(other) : "r"(value), "r"(by));           \
        return other;                                                                                                            \
    }                                                                                                                            \
    SRV_DEVICE int32_t function(int32_t value, uint32_t by) { return static_cast<int32_t>(function(static_cast<uint32_t>(value), by)); } \
    SRV_DEVICE float function(float value, uint32_t by) { return as_float(function(as_uint(value), by)); }
SRV_PTX_SHUFFLE(shuffle_xor, "bfly", "0x1f")
SRV_PTX_SHUFFLE(shuffle_down, "down", "0x1f")
SRV_PTX_SHUFFLE(shuffle_index, "idx", "0x1f")
#undef SRV_PTX_SHUFFLE

SRV_DEVICE uint32_t ballot(bool vote) {
    uint32_t lanes;
    asm volatile("{ .reg .pred p; setp.ne.u32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }" : "=r"(lanes) : "r"(static_cast<uint32_t>(vote)));
    return lanes;
}

SRV_DEVICE bool any(bool vote) {
    uint32_t result;
    asm volatile("{ .reg .pred p, q; setp.ne.u32 p, %1, 0; vote.sync.any.pred q, p, 0xffffffff; selp.u32 %0, 1, 0, q; }"
                 : "=r"(result) : "r"(static_cast<uint32_t>(vote)));
    return result != 0;
}

SRV_DEVICE bool all(bool vote) {
    uint32_t result;
    asm volatile("{ .reg .pred p, q; setp.ne.u32 p, %1, 0; vote.sync.all.pred q, p, 0xffffffff; selp.u32 %0, 1, 0, q; }"
                 : "=r"(result) : "r"(static_cast<uint32_t>(vote)));
    return result != 0;
}

// ---- arithmetic

SRV_DEVICE float fma(float a, float b, float c) {
    float d;
    asm("fma.rn.f32 %0, %1, %2, %3;" : "=f"(d) : "f"(a), "f"(b), "f"(c));
    return d;
}

SRV_DEVICE float div_rn(float a, float b) {
    float d;
    asm("div.rn.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
}

SRV_DEVICE float maximum(float a, float b) {
    float d;
    asm("max.f32 %0, %1, %2;" : "=f"(d) : "f"(a), "f"(b));
    return d;
}

#define SRV_PTX_UNARY(function, instruction)                     \
    SRV_DEVICE float function(float x) {                         \
        float y;                                                 \
        asm(instruction " %0, %1;" : "=f"(y) : "f"(x));          \
        return y;                                                \
    }
SRV_PTX_UNARY(rcp_rn, "rcp.rn.f32")
SRV_PTX_UNARY(sqrt_rn, "sqrt.rn.f32")
SRV_PTX_UNARY(exp2_approx, "ex2.approx.ftz.f32")
SRV_PTX_UNARY(log2_approx, "lg2.approx.ftz.f32")
SRV_PTX_UNARY(rcp_approx, "rcp.approx.ftz.f32")
SRV_PTX_UNARY(rsqrt_approx, "rsqrt.approx.ftz.f32")
#undef SRV_PTX_UNARY

SRV_DEVICE uint32_t mul_hi(uint32_t a, uint32_t b) {
    uint32_t high;
    asm("mul.hi.u32 %0, %1, %2;" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

SRV_DEVICE uint32_t popcount(uint32_t bits) {
    uint32_t count;
    asm("popc.b32 %0, %1;" : "=r"(count) : "r"(bits));
    return count;
}

SRV_DEVICE uint32_t leading_zeros(uint32_t bits) {
    uint32_t count;
    asm("clz.b32 %0, %1;" : "=r"(count) : "r"(bits));
    return count;
}

SRV_DEVICE uint32_t permute_bytes(uint32_t a, uint32_t b, uint32_t selector) {
    uint32_t d;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
    return d;
}

// ---- bf16

SRV_DEVICE uint16_t to_bf16(float x) {
    uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

SRV_DEVICE uint32_t to_bf16x2(float low, float high) {
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

SRV_DEVICE float from_bf16(uint16_t bits) { return as_float(static_cast<uint32_t>(bits) << 16); }
SRV_DEVICE float low_bf16(uint32_t pair) { return as_float(pair << 16); }
SRV_DEVICE float high_bf16(uint32_t pair) { return as_float(pair & 0xffff0000u); }

SRV_DEVICE uint32_t fma_bf16x2(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t d;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

// ---- memory

SRV_DEVICE Vec4 load_16(const void* from) { return *static_cast<const Vec4*>(from); }
SRV_DEVICE Vec2 load_8(const void* from) { return *static_cast<const Vec2*>(from); }
SRV_DEVICE void store_16(void* to, Vec4 value) { *static_cast<Vec4*>(to) = value; }
SRV_DEVICE void store_8(void* to, Vec2 value) { *static_cast<Vec2*>(to) = value; }

SRV_DEVICE uint64_t global_address(const void* pointer) {
    uint64_t address;
    asm("cvta.to.global.u64 %0, %1;" : "=l"(address) : "l"(pointer));
    return address;
}

using SharedAddress = uint32_t;

SRV_DEVICE SharedAddress shared_address(const void* pointer) {
    SharedAddress address;
    asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(address) : "l"(pointer));
    return address;
}

// Only for what no kernel writes while this one runs.
SRV_DEVICE Vec4 load_16_streaming(const void* from) {
    Vec4 v;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(global_address(from)));
    return v;
}

SRV_DEVICE void prefetch_l2(const void* from) { asm volatile("prefetch.global.L2 [%0];" ::"l"(global_address(from))); }

SRV_DEVICE uint32_t atomic_add(uint32_t* to, uint32_t value) {
    uint32_t old;
    asm volatile("atom.add.u32 %0, [%1], %2;" : "=r"(old) : "l"(to), "r"(value) : "memory");
    return old;
}

SRV_DEVICE uint8_t* dynamic_shared() { return srv_dynamic_shared; }

// ---- copies

SRV_DEVICE void cp_async_16(SharedAddress shared, const void* global, uint32_t source_bytes = 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global_address(global)), "r"(source_bytes) : "memory");
}

SRV_DEVICE void cp_async_16(void* shared, const void* global, uint32_t source_bytes = 16) { cp_async_16(shared_address(shared), global, source_bytes); }

SRV_DEVICE void cp_async_4(SharedAddress shared, const void* global, uint32_t source_bytes = 4) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(global_address(global)), "r"(source_bytes) : "memory");
}

SRV_DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int N>
SRV_DEVICE void cp_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// ---- tiles

#define SRV_PTX_LDMATRIX(suffix, modifier)                                                                                      \
    SRV_DEVICE void ldmatrix_x1##suffix(uint32_t& out, const void* row) {                                                       \
        asm volatile("ldmatrix.sync.aligned.m8n8.x1" modifier ".shared.b16 {%0}, [%1];"                                         \
                     : "=r"(out) : "r"(shared_address(row)) : "memory");                                                        \
    }                                                                                                                           \
    SRV_DEVICE void ldmatrix_x2##suffix(uint32_t (&out)[2], const void* row) {                                                  \
        asm volatile("ldmatrix.sync.aligned.m8n8.x2" modifier ".shared.b16 {%0, %1}, [%2];"                                     \
                     : "=r"(out[0]), "=r"(out[1]) : "r"(shared_address(row)) : "memory");                                       \
    }                                                                                                                           \
    SRV_DEVICE void ldmatrix_x4##suffix(uint32_t (&out)[4], SharedAddress row) {                                                \
        asm volatile("ldmatrix.sync.aligned.m8n8.x4" modifier ".shared.b16 {%0, %1, %2, %3}, [%4];"                             \
                     : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3]) : "r"(row) : "memory");                           \
    }                                                                                                                           \
    SRV_DEVICE void ldmatrix_x4##suffix(uint32_t (&out)[4], const void* row) { ldmatrix_x4##suffix(out, shared_address(row)); }
SRV_PTX_LDMATRIX(, "")
SRV_PTX_LDMATRIX(_trans, ".trans")
#undef SRV_PTX_LDMATRIX

SRV_DEVICE void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

SRV_DEVICE void mma_m16n8k8(float (&d)[4], const uint32_t (&a)[2], uint32_t b) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(b));
}

// ---- warpgroup products (sm_90a)

SRV_DEVICE void fence_proxy_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Of a second operand whose atoms of eight lines follow each other: address, both offsets between atoms (only one of them is used, which one depends on
// Turned), the swizzle of 128 bytes. Sixteenths of bytes may be added. The operand's first atom begins at a multiple of 1,024 bytes.
SRV_DEVICE uint64_t tile_descriptor(SharedAddress tile) {
    constexpr uint64_t kFixed = 1ull << 62 | (1024ull >> 4) << 32 | (1024ull >> 4) << 16;
    return kFixed | (tile & 0x3ffff) >> 4;
}

#define SRV_PTX_OF_EIGHT(constraint)                                                                                          \
    constraint(d[0][0]), constraint(d[0][1]), constraint(d[0][2]), constraint(d[0][3]), constraint(d[1][0]), constraint(d[1][1]),   \
    constraint(d[1][2]), constraint(d[1][3]), constraint(d[2][0]), constraint(d[2][1]), constraint(d[2][2]), constraint(d[2][3]),   \
    constraint(d[3][0]), constraint(d[3][1]), constraint(d[3][2]), constraint(d[3][3]), constraint(d[4][0]), constraint(d[4][1]),   \
    constraint(d[4][2]), constraint(d[4][3]), constraint(d[5][0]), constraint(d[5][1]), constraint(d[5][2]), constraint(d[5][3]),   \
    constraint(d[6][0]), constraint(d[6][1]), constraint(d[6][2]), constraint(d[6][3]), constraint(d[7][0]), constraint(d[7][1]),   \
    constraint(d[7][2]), constraint(d[7][3])
#define SRV_PTX_WGMMA(adds, turned)                                                                                           \
    "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
    "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, " adds ", 1, 1, " turned ";"

// d[0] .. d[7]
template <bool Turned, bool Adds>
SRV_DEVICE void wgmma_m64n64k16(float (*d)[4], const uint32_t (&a)[4], uint64_t b) {
#define SRV_PTX_IN "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)
    if constexpr (Turned && Adds) {
        asm volatile(SRV_PTX_WGMMA("1", "1") : SRV_PTX_OF_EIGHT("+f") : SRV_PTX_IN);
    } else if constexpr (Turned) {
        asm volatile(SRV_PTX_WGMMA("0", "1") : SRV_PTX_OF_EIGHT("=f") : SRV_PTX_IN);
    } else if constexpr (Adds) {
        asm volatile(SRV_PTX_WGMMA("1", "0") : SRV_PTX_OF_EIGHT("+f") : SRV_PTX_IN);
    } else {
        asm volatile(SRV_PTX_WGMMA("0", "0") : SRV_PTX_OF_EIGHT("=f") : SRV_PTX_IN);
    }
#undef SRV_PTX_IN
}

SRV_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
SRV_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int N>
SRV_DEVICE void wgmma_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }

// Registers per thread of this warpgroup from here on: fewer, or more once others have given theirs up. N is a multiple of eight.
template <int N>
SRV_DEVICE void registers_give() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }

template <int N>
SRV_DEVICE void registers_take() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }

// Ends the kernel with an error. That no x is negative is something that only the caller knows: a branch, which what x is made of comes before.
SRV_DEVICE void trap_if_negative(float x) { asm volatile("{ .reg .pred p; setp.lt.f32 p, %0, 0f00000000; @p trap; }" ::"f"(x) : "memory"); }

SRV_DEVICE void wgmma_hold(float (*d)[4]) { asm volatile("" : SRV_PTX_OF_EIGHT("+f") : : "memory"); }
SRV_DEVICE void wgmma_hold(uint32_t (&a)[4]) { asm volatile("" : "+r"(a[0]), "+r"(a[1]), "+r"(a[2]), "+r"(a[3]) : : "memory"); }
#undef SRV_PTX_WGMMA
#undef SRV_PTX_OF_EIGHT

}  // namespace ptx
#endif
