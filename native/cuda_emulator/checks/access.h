// Every load and store of a kernel comes through here before it happens: those of plain pointers because the kernels are compiled with -fsanitize=thread and the
// emulator defines what that calls (tsan.cpp), those of ptx.cuh's functions by their own calls.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../block/block.h"
#include "global_memory.h"

namespace emulator {

enum class Access : uint8_t { read, write, atomic };

// The ways out of the fast path; they end the block when the access is not allowed.
void check_global_slow(uintptr_t address, size_t bytes, Access access);
void check_shared(uintptr_t address, size_t bytes, Access access);
void check_product(uint32_t offset, uint32_t bytes);
void begin_async_copy(uintptr_t shared);
void end_async_copy(uintptr_t shared);
void check_early(uintptr_t address, size_t bytes, Access access);
void check_other(uintptr_t address, size_t bytes, Access access);
[[noreturn]] void fail_misaligned(uintptr_t address, size_t bytes);

template <Access access>
inline void check(const void* pointer, size_t bytes, bool aligned) {
    Thread* const thread = current;
    if (thread == nullptr || !thread->checked) return;
    const uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (address - thread->stack < Stacks::bytes) return;
    thread->block->spend();
    if (aligned && address % bytes != 0) fail_misaligned(address, bytes);
    if (GlobalMemory::contains(address)) {
        if (!thread->awaited) check_early(address, bytes, access);
        if constexpr (access == Access::write) {
            if (!GlobalMemory::allocated(address, bytes)) check_global_slow(address, bytes, access);
            GlobalMemory::mark_written(address, bytes);
            GlobalMemory::stamp(address, bytes, thread->block->launch().number);
        } else {
            // What is written is allocated.
            if (!GlobalMemory::written(address, bytes)) check_global_slow(address, bytes, access);
        }
        return;
    }
    if (thread->block->owns_shared(address)) return check_shared(address, bytes, access);
    check_other(address, bytes, access);
}

}  // namespace emulator
