// Stacks for the threads of a block, each above a page that faults. Taken from the system once and kept.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace emulator {

class Stacks {
public:
    // Kernels keep little on their stacks; what is large here is the frame of a signal with wide vector state.
    static constexpr size_t bytes = 128 << 10;

    Stacks() = default;
    Stacks(const Stacks&) = delete;
    Stacks& operator=(const Stacks&) = delete;
    ~Stacks();

    // The lowest usable address of stack i.
    uint8_t* at(size_t i) {
        while (stacks_.size() <= i) add();
        return stacks_[i];
    }

private:
    static constexpr size_t guard = 4096;

    void add();

    std::vector<uint8_t*> stacks_;
};

}  // namespace emulator
