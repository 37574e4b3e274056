using System.Runtime.InteropServices;

namespace Serving.Compute.Cpu.Interop;

/// <summary>The functions of native/include/serving_cpu.h. None calls back into managed code.</summary>
internal static unsafe partial class NativeMethods
{
    /// <summary>Name that the resolver maps to the file beside the assembly.</summary>
    public const string Library = "serving_cpu";

    /// <summary>SRV_CPU_ABI_VERSION.</summary>
    public const int ExpectedAbiVersion = 13;

    [LibraryImport(Library, EntryPoint = "srv_cpu_abi_version")]
    public static partial int AbiVersion();

    [LibraryImport(Library, EntryPoint = "srv_cpu_layout")]
    public static partial int Layout(Span<int> numbers, int capacity);

    [LibraryImport(Library, EntryPoint = "srv_cpu_instruction_sets")]
    public static partial uint InstructionSets();

    [LibraryImport(Library, EntryPoint = "srv_cpu_preferred_isa")]
    public static partial int PreferredInstructionSet();

    [LibraryImport(Library, EntryPoint = "srv_cpu_create")]
    public static partial NativeStatus Create(NativeOptions* options, NativeProgram* program, out nint engine);

    [LibraryImport(Library, EntryPoint = "srv_cpu_destroy")]
    public static partial void Destroy(nint engine);

    [LibraryImport(Library, EntryPoint = "srv_cpu_thread_count")]
    public static partial int ThreadCount(nint engine);

    [LibraryImport(Library, EntryPoint = "srv_cpu_packed_bytes")]
    public static partial long PackedBytes(nint engine, int weight);

    [LibraryImport(Library, EntryPoint = "srv_cpu_load_weight")]
    public static partial NativeStatus LoadWeight(nint engine, int weight, int firstRow, ushort* values, long count);

    [LibraryImport(Library, EntryPoint = "srv_cpu_load_floats")]
    public static partial NativeStatus LoadFloats(nint engine, int weight, int firstElement, float* values, long count);

    [LibraryImport(Library, EntryPoint = "srv_cpu_load_integers")]
    public static partial NativeStatus LoadIntegers(nint engine, int weight, int firstRow, int rowCount, sbyte* values, ushort* scales);

    [LibraryImport(Library, EntryPoint = "srv_cpu_integer_isas")]
    public static partial uint IntegerInstructionSets();

    [LibraryImport(Library, EntryPoint = "srv_cpu_allocate_pool")]
    public static partial NativeStatus AllocatePool(nint engine, NativePool* pool);

    [LibraryImport(Library, EntryPoint = "srv_cpu_read_rows")]
    public static partial NativeStatus ReadRows(nint engine, int weight, int firstRow, int rowCount, float* values);

    [LibraryImport(Library, EntryPoint = "srv_cpu_pack_adapter")]
    public static partial NativeStatus PackAdapter(nint engine, int slot, NativeAdapterSlice* slices, int sliceCount, NativeCellRun* runs, int runCount, int* pages, int pageCount);

    [LibraryImport(Library, EntryPoint = "srv_cpu_copy_to_host")]
    public static partial NativeStatus CopyToHost(nint engine, int* pages, int* hostPages, int count);

    [LibraryImport(Library, EntryPoint = "srv_cpu_copy_from_host")]
    public static partial NativeStatus CopyFromHost(nint engine, int* hostPages, int* pages, int count);

    [LibraryImport(Library, EntryPoint = "srv_cpu_execute")]
    public static partial NativeStatus Execute(nint engine, NativeStep* step, NativeOutputs* outputs);
}
