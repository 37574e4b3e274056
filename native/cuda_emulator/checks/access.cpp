#include "access.h"

#include <link.h>

#include "allocations.h"

namespace emulator {

namespace {

struct Image {
    uintptr_t first = ~uintptr_t{0}, end = 0;
};

// The part of the address space where this library, its constants included, is mapped.
Image find_image() {
    Image image;
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* context) {
            Image candidate;
            for (int i = 0; i < info->dlpi_phnum; i++) {
                if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
                const uintptr_t first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
                candidate.first = first < candidate.first ? first : candidate.first;
                candidate.end = first + info->dlpi_phdr[i].p_memsz > candidate.end ? first + info->dlpi_phdr[i].p_memsz : candidate.end;
            }
            const uintptr_t here = reinterpret_cast<uintptr_t>(&find_image);
            if (here < candidate.first || here >= candidate.end) return 0;
            *static_cast<Image*>(context) = candidate;
            return 1;
        },
        &image);
    return image;
}

const char* verb(Access access) { return access == Access::read ? "read" : access == Access::write ? "write" : "atomic"; }

std::string sized(const char* what, size_t bytes) { return std::string(what) + " of " + std::to_string(bytes) + " bytes"; }

[[noreturn]] void fail_past_shared(uintptr_t offset, size_t bytes, const char* what) {
    Block& block = *current->block;
    block.fail(FindingKind::shared_out_of_bounds, offset,
               sized(what, bytes) + " at offset " + std::to_string(offset) + " of " + std::to_string(block.launch().shared_bytes));
}

uint32_t offset_in_shared(uintptr_t address, size_t bytes, const char* what) {
    const Block& block = *current->block;
    const uintptr_t offset = address - reinterpret_cast<uintptr_t>(block.shared());
    if (offset + bytes > block.launch().shared_bytes) fail_past_shared(offset, bytes, what);
    return static_cast<uint32_t>(offset);
}

[[gnu::noinline]] void judge(SharedMemory::Outcome outcome, size_t bytes, const char* what) {
    const std::string where = sized(what, bytes) + " at shared offset " + std::to_string(outcome.offset);
    const std::string other = std::to_string(outcome.other);
    Block& block = *current->block;
    switch (outcome.verdict) {
        case SharedMemory::Verdict::fine: return;
        case SharedMemory::Verdict::not_written: block.fail(FindingKind::shared_uninitialised_read, outcome.offset, where + ", which nobody has written");
        case SharedMemory::Verdict::race: block.fail(FindingKind::shared_race, outcome.offset, where + ", with nothing that orders it after thread " + other);
        case SharedMemory::Verdict::not_fenced:
            block.fail(FindingKind::proxy_not_fenced, outcome.offset, where + ", which thread " + other + " has written without fence_proxy_async() after it");
        case SharedMemory::Verdict::pending_copy:
            block.fail(FindingKind::async_copy_not_awaited, outcome.offset, where + ", where an asynchronous copy of thread " + other + " has not been awaited");
    }
}

}  // namespace

void fail_misaligned(uintptr_t address, size_t bytes) {
    current->block->fail(FindingKind::misaligned, address, std::to_string(bytes) + " bytes at an address that is no multiple of it");
}

namespace {

void fail_in_global(uintptr_t address, size_t bytes, Access access) {
    const uintptr_t bad = GlobalMemory::first_not_allocated(address, bytes);
    if (bad != address + bytes) {
        const AllocationNote note = note_on(bad);
        current->block->fail(note.freed ? FindingKind::use_after_free : FindingKind::out_of_bounds, address, sized(verb(access), bytes) + ", " + note.text);
    }
    const uintptr_t unwritten = GlobalMemory::first_unwritten(address, bytes);
    if (unwritten != address + bytes && access != Access::write)
        current->block->fail(FindingKind::uninitialised_read, address, sized(verb(access), bytes) + ", " + note_on(unwritten).text);
}

void check_early(uintptr_t address, size_t bytes, Access access) {
    Block& block = *current->block;
    if (access != Access::read) block.fail(FindingKind::producers_not_awaited, address, sized(verb(access), bytes) + " before await_producers()");
    if (GlobalMemory::written_since(address, bytes, block.launch().first_beside))
        block.fail(FindingKind::producers_not_awaited, address, sized(verb(access), bytes) + " before await_producers(), of what a kernel wrote that may still run, " + note_on(address).text);
}

void check_global(uintptr_t address, size_t bytes, Access access) {
    if (!current->awaited) check_early(address, bytes, access);
    if (access == Access::write) {
        if (!GlobalMemory::allocated(address, bytes)) fail_in_global(address, bytes, access);
        GlobalMemory::mark_written(address, bytes);
        GlobalMemory::stamp(address, bytes, current->block->launch().number);
    } else if (!GlobalMemory::written(address, bytes)) {  // what is written is allocated
        fail_in_global(address, bytes, access);
    }
}

void check_shared(uintptr_t address, size_t bytes, Access access) {
    SharedMemory& memory = current->block->shared_checks();
    const char* const what = verb(access);
    const uint32_t offset = offset_in_shared(address, bytes, what), size = static_cast<uint32_t>(bytes), thread = current->index;
    if (access == Access::atomic) return memory.write_atomically(offset, size);
    const auto outcome = access == Access::read ? memory.read(offset, size, thread) : memory.write(offset, size, thread);
    if (outcome.verdict != SharedMemory::Verdict::fine) judge(outcome, bytes, what);
}

}  // namespace

[[gnu::noinline]] void check_any(const void* pointer, size_t bytes, bool aligned, Access access) {
    const Thread* const thread = current;
    if (thread == nullptr || !thread->checked) return;
    const uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    if (address - thread->stack < Stacks::bytes) return;
    thread->block->spend();
    if (aligned && address % bytes != 0) fail_misaligned(address, bytes);
    if (GlobalMemory::contains(address)) return check_global(address, bytes, access);
    if (thread->block->owns_shared(address)) return check_shared(address, bytes, access);
    check_other(address, bytes, access);
}

void check_product(uint32_t offset, uint32_t bytes) {
    Block& block = *current->block;
    if (offset + bytes > block.launch().shared_bytes) fail_past_shared(offset, bytes, "wgmma");
    const auto outcome = block.shared_checks().read_by_product(offset, bytes, current->index);
    if (outcome.verdict != SharedMemory::Verdict::fine) judge(outcome, bytes, "wgmma");
}

void begin_async_copy(uintptr_t shared, uint32_t bytes) {
    const uint32_t offset = offset_in_shared(shared, bytes, "cp.async");
    const auto outcome = current->block->shared_checks().begin_copy(offset, bytes, current->index);
    if (outcome.verdict != SharedMemory::Verdict::fine) judge(outcome, bytes, "cp.async");
}

void end_async_copy(uintptr_t shared, uint32_t bytes) {
    const Block& block = *current->block;
    current->block->shared_checks().end_copy(static_cast<uint32_t>(shared - reinterpret_cast<uintptr_t>(block.shared())), bytes, current->index);
}

void check_other(uintptr_t address, size_t bytes, Access access) {
    static const Image image = find_image();
    if (access == Access::read && address >= image.first && address + bytes <= image.end) return;
    const auto& params = current->block->launch().params;
    const uintptr_t first = reinterpret_cast<uintptr_t>(params.data());
    if (access == Access::read && address >= first && address + bytes <= first + params.size() * 8) return;
    current->block->fail(FindingKind::out_of_bounds, address, sized(verb(access), bytes) + ", no memory of a device");
}

}  // namespace emulator
