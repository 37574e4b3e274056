#include "registry.h"

#include <map>

namespace emulator {

namespace {

// Filled while the library is loaded, before anyone can look; a function's variable, since the order of files is not defined.
std::map<std::string, Kernel, std::less<>>& kernels() {
    static std::map<std::string, Kernel, std::less<>> table;
    return table;
}

}  // namespace

Registration::Registration(const char* name, Entry entry, size_t params_bytes, uint32_t max_threads) {
    if (entry != nullptr) kernels()[name] = {name, entry, params_bytes, max_threads};
}

const Kernel* find_kernel(std::string_view name) {
    const auto it = kernels().find(name);
    return it == kernels().end() ? nullptr : &it->second;
}

std::vector<std::string> kernel_names() {
    std::vector<std::string> names;
    for (const auto& [name, kernel] : kernels()) names.push_back(name);
    return names;
}

}  // namespace emulator
