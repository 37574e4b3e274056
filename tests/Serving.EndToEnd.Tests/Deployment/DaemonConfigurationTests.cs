using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The daemon itself reads what the image and the Kubernetes base hand it, and answers where they probe.</summary>
public sealed partial class DaemonConfigurationTests
{
    [Fact]
    public async Task CheckConfig_FilesAndVariablesOfTheBase_AreAccepted()
    {
        using var folder = MountedConfigMap();
        var arguments = KubernetesBase.Container["args"].Items.Select(a => a.Text.Replace("/etc/serving", folder.Path, StringComparison.Ordinal));

        var (code, output) = await RunDaemon([.. arguments, "--check-config"], PodVariables());

        Assert.True(code == 0, output);
    }

    [Fact]
    public async Task CheckConfig_MistypedKeyOfTheBase_IsRefused()
    {
        using var folder = MountedConfigMap();
        var file = Path.Combine(folder.Path, "serving.json");
        await File.WriteAllTextAsync(file, (await File.ReadAllTextAsync(file)).Replace("drain_timeout", "drain_timout", StringComparison.Ordinal));

        var (code, output) = await RunDaemon(["--config", file, "--check-config"], PodVariables());

        Assert.Equal(78, code);
        Assert.Contains("drain_timeout", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CheckConfig_ImageWithoutAKey_IsRefused()
    {
        var variables = ImageFile.Of().Environment;

        var (code, output) = await RunDaemon(["--check-config"], variables);

        Assert.Equal(78, code);
        Assert.Contains("--api-key", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Probes_OfTheBase_AnswerWhenTheModelIsLoaded()
    {
        using var folder = MountedConfigMap();
        using var daemon = Start(["--config", Path.Combine(folder.Path, "serving.json"), "--host", "127.0.0.1", "--port", "0", "--grpc-port", "0"], PodVariables());
        try
        {
            using var client = new HttpClient { BaseAddress = new Uri(await ReadAddress(daemon)) };
            foreach (var probe in KubernetesBaseTests.Probes())
            {
                using var answer = await client.GetAsync(probe["httpGet/path"].Text);
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            }
        }
        finally
        {
            daemon.Kill();
        }
    }

    /// <summary>The variables of the pod's container: the image's, and the deployment's with a key in the place of the Secret's.</summary>
    private static Dictionary<string, string> PodVariables()
    {
        var variables = ImageFile.Of().Environment;
        variables["SERVING_MODEL__ADAPTERS"] = Repository.DemoAdapters;
        variables["SERVING_TENANCY__API_KEY"] = "a key for this test";
        return variables;
    }

    private static TemporaryFolder MountedConfigMap()
    {
        var folder = new TemporaryFolder();
        foreach (var (name, text) in KubernetesBase.Read("configmap.yaml")["data"].Texts)
        {
            File.WriteAllText(Path.Combine(folder.Path, name), text);
        }

        return folder;
    }

    private static async Task<(int Code, string Output)> RunDaemon(string[] arguments, Dictionary<string, string> variables)
    {
        using var process = Start(arguments, variables);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await error);
    }

    private static Process Start(string[] arguments, Dictionary<string, string> variables)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Serving.Server.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>The address on the daemon's start screen, which it prints when it is ready.</summary>
    private static async Task<string> ReadAddress(Process daemon)
    {
        var seen = new List<string>();
        while (await daemon.StandardOutput.ReadLineAsync() is { } line)
        {
            seen.Add(line);
            if (line.StartsWith("Address", StringComparison.Ordinal) && Address().Match(line) is { Success: true } match)
            {
                return match.Value;
            }
        }

        throw new InvalidOperationException($"The daemon ended without an address:\n{string.Join('\n', seen)}\n{await daemon.StandardError.ReadToEndAsync()}");
    }

    [GeneratedRegex("http://127\\.0\\.0\\.1:[0-9]+")]
    private static partial Regex Address();
}
