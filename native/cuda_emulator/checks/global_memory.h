// Device memory of all emulated devices: one reservation of addresses, and beside it two bits per byte, "allocated" and "written", and per 16 bytes the number of the launch
// that wrote there last.
#pragma once
#include <cstddef>
#include <cstdint>

namespace emulator {

class GlobalMemory {
public:
    static constexpr int max_devices = 8;
    static constexpr size_t device_span = size_t{64} << 30;  // addresses, not memory: freed ranges stay unused as long as they can

    // Reserves the addresses at the first call; false when the system refuses.
    static bool reserve();

    static uintptr_t base_of(int device) { return base + device * device_span; }
    static bool contains(uintptr_t address) { return address - base < max_devices * device_span; }

    // Whether every byte of the range, which contains() holds for, is allocated; or written since it was.
    static bool allocated(uintptr_t address, size_t bytes) { return all_set(allocated_bits, address - base, bytes); }
    static bool written(uintptr_t address, size_t bytes) { return all_set(written_bits, address - base, bytes); }
    static void mark_written(uintptr_t address, size_t bytes) { set(written_bits, address - base, bytes); }

    // The same of a range that is a multiple of its size, 16 bytes at most.
    template <size_t bytes>
    static bool written_aligned(uintptr_t address) {
        return all_set_aligned<bytes>(written_bits, address - base);
    }

    // Takes note of a write by a launch; false, and nothing, where it may not write.
    template <size_t bytes>
    static bool write_aligned(uintptr_t address, uint32_t launch) {
        const uintptr_t offset = address - base;
        if (!all_set_aligned<bytes>(allocated_bits, offset)) return false;
        if (!all_set_aligned<bytes>(written_bits, offset)) set(written_bits, offset, bytes);
        __atomic_store_n(stamps + offset / stamped, launch, __ATOMIC_RELAXED);
        return true;
    }

    // Which launch wrote there last; 0 where none did.
    static void stamp(uintptr_t address, size_t bytes, uint32_t launch) {
        for (uintptr_t i = (address - base) / stamped; i <= (address - base + bytes - 1) / stamped; i++) __atomic_store_n(stamps + i, launch, __ATOMIC_RELAXED);
    }

    // Whether this launch or a later one has written there.
    static bool written_since(uintptr_t address, size_t bytes, uint32_t launch) {
        for (uintptr_t i = (address - base) / stamped; i <= (address - base + bytes - 1) / stamped; i++) {
            if (__atomic_load_n(stamps + i, __ATOMIC_RELAXED) >= launch) return true;
        }
        return false;
    }

    static void mark_allocated(uintptr_t address, size_t bytes) { set(allocated_bits, address - base, bytes); }
    static void mark_freed(uintptr_t address, size_t bytes);

    // Forgets that the range was written: for tests that hand memory out again.
    static void mark_unwritten(uintptr_t address, size_t bytes) { clear(written_bits, address - base, bytes); }

    // Copies "written" along with the bytes.
    static void copy_written(uintptr_t to, uintptr_t from, size_t bytes);

    // First byte of the range that is not allocated or not written.
    static uintptr_t first_not_allocated(uintptr_t address, size_t bytes);
    static uintptr_t first_unwritten(uintptr_t address, size_t bytes);

private:
    static constexpr uintptr_t stamped = 16;

    static bool all_set(const uint8_t* bits, uintptr_t offset, size_t bytes) {
        const unsigned shift = offset % 8;
        if (shift + bytes <= 8) {
            const uint8_t mask = static_cast<uint8_t>(((1u << bytes) - 1) << shift);
            return (__atomic_load_n(bits + offset / 8, __ATOMIC_RELAXED) & mask) == mask;
        }
        if (bytes == 16 && shift == 0) return (__atomic_load_n(bits + offset / 8, __ATOMIC_RELAXED) & __atomic_load_n(bits + offset / 8 + 1, __ATOMIC_RELAXED)) == 0xff;
        return all_set_long(bits, offset, bytes);
    }

    template <size_t bytes>
    static bool all_set_aligned(const uint8_t* bits, uintptr_t offset) {
        using Both = uint16_t __attribute__((may_alias));
        if constexpr (bytes == stamped) return __atomic_load_n(reinterpret_cast<const Both*>(bits + offset / 8), __ATOMIC_RELAXED) == 0xffff;
        const unsigned mask = ((1u << bytes) - 1) << offset % 8;
        return (__atomic_load_n(bits + offset / 8, __ATOMIC_RELAXED) & mask) == mask;
    }

    static void set(uint8_t* bits, uintptr_t offset, size_t bytes) {
        const unsigned shift = offset % 8;
        if (shift + bytes <= 8) {
            const uint8_t mask = static_cast<uint8_t>(((1u << bytes) - 1) << shift);
            // Blocks on several host threads may write neighbours.
            if ((__atomic_load_n(bits + offset / 8, __ATOMIC_RELAXED) & mask) != mask) __atomic_fetch_or(bits + offset / 8, mask, __ATOMIC_RELAXED);
            return;
        }
        if (bytes == 16 && shift == 0 && all_set(bits, offset, bytes)) return;
        set_long(bits, offset, bytes);
    }

    static bool all_set_long(const uint8_t* bits, uintptr_t offset, size_t bytes);
    static void set_long(uint8_t* bits, uintptr_t offset, size_t bytes);
    static void clear(uint8_t* bits, uintptr_t offset, size_t bytes);

    static uintptr_t base;
    static uint8_t* allocated_bits;
    static uint8_t* written_bits;
    static uint32_t* stamps;
};

}  // namespace emulator
