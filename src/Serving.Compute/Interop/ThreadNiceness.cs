using System.Runtime.InteropServices;

namespace Serving.Compute.Interop;

/// <summary>Lets a thread stand back behind the others: the runtime's priorities mean nothing on Linux.</summary>
internal static partial class ThreadNiceness
{
    /// <summary>A processor that this thread and one of the usual niceness want is the latter's for three quarters of the time; much less would not be done within a load's time on a busy machine.</summary>
    private const int Nice = 5;

    /// <summary>The calling thread, for the rest of its life: nobody without rights takes it back. Where that is not to be had it stays as it is.</summary>
    public static void StandBack()
    {
        if (!OperatingSystem.IsLinux())
        {
            Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
            return;
        }

        try
        {
            _ = SetPriority(0, 0, Nice);
        }
        catch (Exception exception) when (exception is DllNotFoundException or EntryPointNotFoundException)
        {
            // A system without it: the thread competes like any other.
        }
    }

    // Of a process, which to Linux is a thread; 0 is the calling one.
    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
