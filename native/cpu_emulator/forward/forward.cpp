// The C ABI once more, in front of two libraries: the one that is shipped, for what this machine's processor runs, and the emulated one, for the rest. So the tests of
// every instruction set run side by side in one process, on the hardware where there is hardware.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "serving_cpu.h"
#include "serving_cpu_emulator.h"

// The emulated library's functions: CMakeLists.txt renames them as cpu/api.cpp is compiled.
#define SRV_FUNCTIONS(f)                                                                                                                                     \
    f(abi_version) f(layout) f(instruction_sets) f(preferred_isa) f(create) f(destroy) f(thread_count) f(packed_bytes) f(load_weight) f(load_floats)         \
    f(load_integers) f(read_rows) f(integer_isas) f(allocate_pool) f(pack_adapter) f(copy_to_host) f(copy_from_host) f(execute)

#define SRV_DECLARE(name) extern "C" decltype(srv_cpu_##name) srv_emulated_cpu_##name;
SRV_FUNCTIONS(SRV_DECLARE)

namespace {

struct Library {
#define SRV_FIELD(name) decltype(&srv_cpu_##name) name = nullptr;
    SRV_FUNCTIONS(SRV_FIELD)
};

#define SRV_TAKE(name) library.name = &srv_emulated_cpu_##name;
const Library kEmulated = [] {
    Library library;
    SRV_FUNCTIONS(SRV_TAKE)
    return library;
}();

// The library that lies beside this one, or nothing.
const Library* find_shipped() {
    Dl_info here{};
    if (dladdr(reinterpret_cast<const void*>(&find_shipped), &here) == 0 || here.dli_fname == nullptr) {
        return nullptr;
    }

    char path[4096];
    const char* end = strrchr(here.dli_fname, '/');
    const size_t folder = end == nullptr ? 0 : static_cast<size_t>(end - here.dli_fname) + 1;
    constexpr char kName[] = "libserving_cpu.so";
    if (folder + sizeof kName > sizeof path) {
        return nullptr;
    }

    memcpy(path, here.dli_fname, folder);
    memcpy(path + folder, kName, sizeof kName);
    void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    static Library library;
    bool whole = handle != nullptr;
#define SRV_FIND(name)                                                                               \
    library.name = whole ? reinterpret_cast<decltype(library.name)>(dlsym(handle, "srv_cpu_" #name)) : nullptr; \
    whole = library.name != nullptr;
    SRV_FUNCTIONS(SRV_FIND)
    return whole && library.abi_version() == SRV_CPU_ABI_VERSION ? &library : nullptr;
}

const Library* shipped() {
    static const Library* const found = find_shipped();
    return found;
}

uint32_t sets_of(const Library* library) { return library == nullptr ? 0 : library->instruction_sets(); }
uint32_t integer_sets_of(const Library* library) { return library == nullptr ? 0 : library->integer_isas(); }

// An engine of either library. What the header calls a srv_engine is one of these.
struct Forwarded {
    const Library* library;
    srv_engine* engine;
};

Forwarded* of(srv_engine* engine) { return reinterpret_cast<Forwarded*>(engine); }
const Forwarded* of(const srv_engine* engine) { return reinterpret_cast<const Forwarded*>(engine); }

template <auto Function, typename Engine, typename... Values>
auto forward(Engine* engine, Values... values) {
    return (of(engine)->library->*Function)(of(engine)->engine, values...);
}

}  // namespace

int32_t srv_cpu_abi_version(void) { return kEmulated.abi_version(); }
int32_t srv_cpu_layout(int32_t* numbers, int32_t capacity) { return (shipped() != nullptr ? shipped() : &kEmulated)->layout(numbers, capacity); }
uint32_t srv_cpu_instruction_sets(void) { return sets_of(shipped()) | sets_of(&kEmulated); }
uint32_t srv_cpu_integer_isas(void) { return integer_sets_of(shipped()) | integer_sets_of(&kEmulated); }
uint32_t srv_cpu_emulated_sets(void) { return sets_of(&kEmulated) & ~sets_of(shipped()); }
uint32_t srv_cpu_emulated_integer_isas(void) { return integer_sets_of(&kEmulated) & ~integer_sets_of(shipped()); }

// The fastest of those that are real.
int32_t srv_cpu_preferred_isa(void) { return shipped() != nullptr ? shipped()->preferred_isa() : SRV_ISA_AVX2; }

int32_t srv_cpu_create(const srv_options* options, const srv_program* program, srv_engine** engine) {
    // A set that no library has is refused by either. "auto" takes what goes with the instruction set in the library that has it.
    const bool real = options->isa >= 0 && options->isa < 32 && (sets_of(shipped()) >> options->isa & 1) != 0;
    const bool integers = options->integer_isa == SRV_INTEGER_AUTO
        || (options->integer_isa > 0 && options->integer_isa < 32 && (integer_sets_of(shipped()) >> options->integer_isa & 1) != 0);
    *engine = nullptr;
    auto* made = static_cast<Forwarded*>(calloc(1, sizeof(Forwarded)));
    if (made == nullptr) {
        return SRV_OUT_OF_MEMORY;
    }

    made->library = real && integers ? shipped() : &kEmulated;
    const int32_t status = made->library->create(options, program, &made->engine);
    if (status != SRV_OK) {
        free(made);
        return status;
    }

    *engine = reinterpret_cast<srv_engine*>(made);
    return SRV_OK;
}

void srv_cpu_destroy(srv_engine* engine) {
    if (engine != nullptr) {
        of(engine)->library->destroy(of(engine)->engine);
        free(of(engine));
    }
}

int32_t srv_cpu_thread_count(const srv_engine* engine) { return forward<&Library::thread_count>(engine); }
int64_t srv_cpu_packed_bytes(const srv_engine* engine, int32_t weight) { return forward<&Library::packed_bytes>(engine, weight); }
int32_t srv_cpu_load_weight(srv_engine* engine, int32_t weight, int32_t first_row, const uint16_t* values, int64_t count) {
    return forward<&Library::load_weight>(engine, weight, first_row, values, count);
}

int32_t srv_cpu_load_floats(srv_engine* engine, int32_t weight, int32_t first_element, const float* values, int64_t count) {
    return forward<&Library::load_floats>(engine, weight, first_element, values, count);
}

int32_t srv_cpu_load_integers(srv_engine* engine, int32_t weight, int32_t first_row, int32_t row_count, const int8_t* values, const uint16_t* scales) {
    return forward<&Library::load_integers>(engine, weight, first_row, row_count, values, scales);
}

int32_t srv_cpu_read_rows(const srv_engine* engine, int32_t weight, int32_t first_row, int32_t row_count, float* values) {
    return forward<&Library::read_rows>(engine, weight, first_row, row_count, values);
}

int32_t srv_cpu_allocate_pool(srv_engine* engine, const srv_pool* pool) { return forward<&Library::allocate_pool>(engine, pool); }
int32_t srv_cpu_pack_adapter(srv_engine* engine, int32_t slot, const srv_adapter_slice* slices, int32_t slice_count, const srv_cell_run* runs, int32_t run_count,
    const int32_t* pages, int32_t page_count) {
    return forward<&Library::pack_adapter>(engine, slot, slices, slice_count, runs, run_count, pages, page_count);
}

int32_t srv_cpu_copy_to_host(srv_engine* engine, const int32_t* pages, const int32_t* host_pages, int32_t count) {
    return forward<&Library::copy_to_host>(engine, pages, host_pages, count);
}

int32_t srv_cpu_copy_from_host(srv_engine* engine, const int32_t* host_pages, const int32_t* pages, int32_t count) {
    return forward<&Library::copy_from_host>(engine, host_pages, pages, count);
}

int32_t srv_cpu_execute(srv_engine* engine, const srv_step* step, const srv_outputs* outputs) { return forward<&Library::execute>(engine, step, outputs); }
