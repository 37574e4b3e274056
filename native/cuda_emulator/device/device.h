// What kernels call of the emulator, each on behalf of the thread that runs. device/ptx.cuh is the only includer besides the emulator itself.
#pragma once
#include <cstddef>
#include <cstdint>

namespace emulator {

struct alignas(8) Vec2 {
    uint32_t x, y;
};

struct alignas(16) Vec4 {
    uint32_t x, y, z, w;
};

struct Float4 {
    float x, y, z, w;
};

// Where all lanes of a warp meet, and what then happens to what they brought.
enum class Operation : uint8_t {
    none, warp_sync, shuffle_xor, shuffle_down, shuffle_index, vote, ldmatrix, mma_k16, mma_k8, barrier, barrier_arrive, wgmma, wgmma_fence, wgmma_commit, wgmma_wait
};

using Entry = void (*)(const void* params);

// Whether a kernel is: every one of a file where no other is the only one. A kernel that nothing names costs a compiler nothing.
constexpr bool is_compiled(const char* name, const char* only) {
    if (*only == 0) return true;
    while (*name == *only && *name != 0) name++, only++;
    return *name == *only;
}

// Puts a kernel into the table that modules find functions in; one without an entry is left out.
struct Registration {
    Registration(const char* name, Entry entry, size_t params_bytes, uint32_t max_threads);
};

// Constant within a thread: the compiler may call them once.
[[gnu::const]] uint32_t thread_index();
[[gnu::const]] uint32_t block_size();
[[gnu::const]] uint32_t block_index(int axis);
[[gnu::const]] uint32_t block_count(int axis);
[[gnu::const]] uint8_t* dynamic_shared();

void barrier();
void barrier(uint32_t id, uint32_t threads);
void barrier_arrive(uint32_t id, uint32_t threads);
void warp_sync();
void threadfence();
void await_producers();

uint32_t shuffle(Operation kind, uint32_t value, uint32_t by);
uint32_t ballot(bool vote);
bool any(bool vote);
bool all(bool vote);

[[gnu::const]] float exp2_approx(float x);
[[gnu::const]] float log2_approx(float x);
[[gnu::const]] float rcp_approx(float x);
[[gnu::const]] float rsqrt_approx(float x);

Vec4 load_16(const void* from);
Vec2 load_8(const void* from);
void store_16(void* to, Vec4 value);
void store_8(void* to, Vec2 value);
Vec4 load_16_global(const void* from);
void prefetch_global(const void* from);
uint32_t atomic_add(uint32_t* to, uint32_t value);

void cp_async(void* shared, const void* global, uint32_t bytes, uint32_t source_bytes);
void cp_async_commit();
void cp_async_wait(int pending);

Vec4 ldmatrix(const void* row, int matrices, bool transposed);
Float4 mma_m16n8k16(Vec4 a, Vec2 b, Float4 c);
Float4 mma_m16n8k8(Vec2 a, uint32_t b, Float4 c);

// What a product of a warpgroup is: two bits of the instruction and its second operand. d is 8 x 4 floats of this thread, which hold nothing until the wait.
struct Product {
    bool turned, adds;
    uint64_t descriptor;
};

void fence_proxy_async();
uint64_t tile_descriptor(uintptr_t tile);
void wgmma(float* d, Vec4 a, Product product);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(int pending);
void trap_if_negative(float x);

}  // namespace emulator
