// Modules and the functions in them. The image names functions; what runs is the kernel of that name that was compiled into this library.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "../block/launch.h"
#include "context.h"

namespace emulator {

struct Module;

// The entries of PTX by name, and the bytes of each one's parameters.
using Entries = std::map<std::string, size_t, std::less<>>;

struct Function {
    Module* module = nullptr;
    const Kernel* kernel = nullptr;
    int max_dynamic_shared = 0;
};

struct Module {
    DeviceContext* context = nullptr;
    std::shared_ptr<const Entries> entries;  // null: every kernel of the library is in it
    std::map<std::string, Function*> functions;  // their handles
};

// The first line of an image that is no PTX but stands for all kernels of this library.
constexpr const char marker[] = "serving cuda emulator";

extern Handles<Module> modules;
extern Handles<Function> functions;

// Reads PTX, or finds what was read of the same text before: tests load one module over and over.
std::shared_ptr<const Entries> entries_of(std::string_view ptx);

}  // namespace emulator
