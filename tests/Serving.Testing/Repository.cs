using Xunit;

namespace Serving.Testing;

/// <summary>Where a test finds the files it reads: the repository's own, and shared data that may be absent.</summary>
public static class Repository
{
    /// <summary>The folder that holds <c>Serving.sln</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>True under CI, where a skipped test is a failure.</summary>
    public static bool Strict => Environment.GetEnvironmentVariable("SERVING_STRICT") == "1";

    /// <summary>A path below the repository's root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The bundled model's folder.</summary>
    public static string DemoModel => PathOf("config", "models", "demo", "model");

    /// <summary>The bundled adapters' folder.</summary>
    public static string DemoAdapters => PathOf("config", "models", "demo", "adapters");

    /// <summary>The bundled model's reference outputs.</summary>
    public static string DemoReferences => PathOf("tests", "Serving.Engine.Tests", "References");

    /// <summary>A path below the shared test data; skips the calling test, saying so, where that data is absent.</summary>
    public static string SharedData(params string[] parts)
    {
        var path = Path.Combine([Root, "..", "shared", "data", .. parts]);
        Requires(File.Exists(path) || Directory.Exists(path), $"shared test data {string.Join('/', parts)} is not here");
        return Path.GetFullPath(path);
    }

    /// <summary>Skips the calling test with <paramref name="reason"/> unless <paramref name="present"/>; under CI that is a failure.</summary>
    public static void Requires(bool present, string reason)
    {
        if (present)
        {
            return;
        }

        Assert.False(Strict, $"SERVING_STRICT: {reason}");
        Assert.Skip(reason);
    }

    /// <summary>Skips the calling test, in CI too: for hardware (a GPU, an instruction set) that no set-up can install.</summary>
    public static void RequiresHardware(bool present, string reason)
    {
        if (!present)
        {
            Assert.Skip(reason);
        }
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Serving.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("No folder above the tests holds Serving.sln.");
    }
}
