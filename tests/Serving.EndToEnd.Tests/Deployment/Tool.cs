using System.Diagnostics;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>A program of the machine that checks deployment files: promtool, haproxy, nginx, kubectl, systemd-analyze.</summary>
internal static class Tool
{
    /// <summary>Where programs of Debian are, those for root too.</summary>
    private static readonly string[] Folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries), "/usr/sbin", "/sbin"];

    /// <summary>Where a program is; skips the calling test, saying so, where it is not installed. Under CI, which installs it, that is a failure.</summary>
    public static string Require(string name)
    {
        var path = Find(name);
        Repository.Requires(path is not null, $"{name} is not installed");
        return path!;
    }

    /// <summary>The same for a program that set-up cannot install everywhere: skipped under CI too.</summary>
    public static string RequireIfThere(string name)
    {
        var path = Find(name);
        Repository.RequiresHardware(path is not null, $"{name} is not installed");
        return path!;
    }

    /// <summary>Runs a program to its end in a folder of the repository.</summary>
    /// <returns>The exit code and everything that it wrote.</returns>
    public static async Task<(int Code, string Output)> RunAsync(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }

    private static string? Find(string name) => Folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
