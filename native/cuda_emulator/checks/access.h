// Every load and store of a kernel comes through here before it happens: those of plain pointers because the kernels are compiled with -fsanitize=thread and the
// emulator defines what that calls (tsan.cpp), those of ptx.cuh's functions by their own calls.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../block/block.h"
#include "global_memory.h"

namespace emulator {

enum class Access : uint8_t { read, write, atomic };

// Any access. Ends the block when it is not allowed.
void check_any(const void* pointer, size_t bytes, bool aligned, Access access);

void check_product(uint32_t offset, uint32_t bytes);
void begin_async_copy(uintptr_t shared, uint32_t bytes);
void end_async_copy(uintptr_t shared, uint32_t bytes);
void check_other(uintptr_t address, size_t bytes, Access access);
[[noreturn]] void fail_misaligned(uintptr_t address, size_t bytes);

// The rest of an access within a block's shared memory at a multiple of its size.
template <Access access, uint32_t bytes>
[[gnu::noinline]] void judge_shared(Thread& thread, uint32_t offset) {
    Block& block = *thread.block;
    SharedMemory& memory = block.shared_checks();
    if (access == Access::write ? memory.write_whole<bytes>(offset, thread.index) : memory.read_whole<bytes>(offset, thread.index)) return block.spend();
    check_any(block.shared() + offset, bytes, true, access);
}

// An access at a multiple of its size, as nearly all are: what is simply allowed, of device or shared memory, is found out here, everything else above. It calls nothing that it goes on
// behind, so that it has no registers to save.
template <Access access, size_t bytes>
[[gnu::always_inline]] inline void check(const void* pointer) {
    Thread* const thread = current;
    if (thread == nullptr || !thread->checked) return;
    const uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    Block& block = *thread->block;
    if (address % bytes == 0) {
        if (GlobalMemory::contains(address)) {
            if (thread->awaited && (access == Access::write ? GlobalMemory::write_aligned<bytes>(address, block.launch().number) : GlobalMemory::written_aligned<bytes>(address))) return block.spend();
        } else if (const uintptr_t offset = block.offset_in_shared(address); offset < block.shared_bytes() && offset + bytes <= block.shared_bytes()) {
            if (access == Access::read && block.shared_checks().has_read<bytes>(static_cast<uint32_t>(offset), thread->index)) return block.spend();
            return judge_shared<access, bytes>(*thread, static_cast<uint32_t>(offset));
        }
    }
    if (address - thread->stack >= Stacks::bytes) check_any(pointer, bytes, true, access);
}

}  // namespace emulator
