using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Serving.Compute.Interop;

/// <summary>The native libraries that were loaded, by the names that this assembly's imports use: .NET takes one resolver per assembly.</summary>
internal static class LibraryRegistry
{
    private static readonly ConcurrentDictionary<string, nint> Handles = new();

    static LibraryRegistry() => NativeLibrary.SetDllImportResolver(typeof(LibraryRegistry).Assembly, (name, _, _) => Handles.GetValueOrDefault(name));

    /// <summary>Makes imports of <paramref name="name"/> resolve to a loaded library.</summary>
    public static void Add(string name, nint handle) => Handles[name] = handle;
}
