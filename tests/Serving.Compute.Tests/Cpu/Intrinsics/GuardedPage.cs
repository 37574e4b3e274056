using System.Runtime.InteropServices;

namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>A page between two that nobody may touch.</summary>
internal sealed unsafe partial class GuardedPage : IDisposable
{
    /// <summary>Bytes of a page.</summary>
    public const int Size = 4096;

    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private readonly nint _region;

    /// <summary>Takes the three pages.</summary>
    public GuardedPage()
    {
        _region = Map(0, 3 * Size, 0, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, _region);
        Assert.Equal(0, Protect(Start, Size, ReadWrite));
    }

    /// <summary>The page's first byte.</summary>
    public nint Start => _region + Size;

    /// <summary>The byte behind its last.</summary>
    public nint End => Start + Size;

    /// <summary>Its bytes.</summary>
    public Span<byte> Bytes => new((void*)Start, Size);

    /// <inheritdoc/>
    public void Dispose() => _ = Unmap(_region, 3 * Size);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint bytes, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint bytes);
}
