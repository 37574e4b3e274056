using Serving.Compute.Backends;

namespace Serving.Compute.Cpu.Interop;

/// <summary>srv_status.</summary>
internal enum NativeStatus
{
    Ok,
    BadVersion,
    BadArgument,
    Unsupported,
    OutOfMemory,
    BadState,
    NoThreads,
}

/// <summary>Turns the library's answers into exceptions.</summary>
internal static class NativeStatusExtensions
{
    /// <summary>Returns when the call succeeded.</summary>
    /// <exception cref="ComputeException">The library could not do what was asked.</exception>
    public static void ThrowIfFailed(this NativeStatus status, string what)
    {
        if (status != NativeStatus.Ok)
        {
            throw new ComputeException($"The native CPU library failed to {what}: {Describe(status)}.");
        }
    }

    private static string Describe(NativeStatus status) => status switch
    {
        NativeStatus.BadVersion => "it was built for another version of the program",
        NativeStatus.BadArgument => "a count or index is out of its range",
        NativeStatus.Unsupported => "this CPU or this build of the library lacks the instruction set",
        NativeStatus.OutOfMemory => "the operating system refused memory",
        NativeStatus.BadState => "it was called out of order",
        NativeStatus.NoThreads => "a worker thread could not be started",
        _ => $"status {(int)status}",
    };
}
