// Modules and the functions in them. The image names functions; what runs is the kernel of that name that was compiled into this library.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "../block/launch.h"
#include "context.h"

namespace emulator {

struct Module;

struct Function {
    Module* module = nullptr;
    const Kernel* kernel = nullptr;
    int max_dynamic_shared = 0;
};

struct Module {
    DeviceContext* context = nullptr;
    std::string ptx;  // empty: every kernel of the library is in it
    std::map<std::string, std::shared_ptr<Function>> functions;
};

// The first line of an image that is no PTX but stands for all kernels of this library.
constexpr const char marker[] = "serving cuda emulator";

extern Handles<Module> modules;
extern Handles<Function> functions;

// Bytes of the parameters of an entry in PTX text; -1 when it has no such entry.
long entry_params_bytes(const std::string& ptx, const std::string& name);

}  // namespace emulator
