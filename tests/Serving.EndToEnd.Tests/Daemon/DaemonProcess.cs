using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Serving.EndToEnd.Tests.Daemon;

/// <summary>The built daemon as a process of its own, on a free port.</summary>
internal sealed partial class DaemonProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private DaemonProcess(Process process) => _process = process;

    /// <summary>Where it listens; without a slash at the end.</summary>
    public Uri Address { get; private set; } = new("http://localhost");

    /// <summary>Where it serves gRPC.</summary>
    public Uri GrpcAddress { get; private set; } = new("http://localhost");

    /// <summary>What it wrote, log included.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Starts the daemon with the bundled model and waits until its start screen is there.</summary>
    public static Task<DaemonProcess> StartAsync(params string[] arguments) => StartAsync(new Dictionary<string, string>(), arguments);

    /// <summary>The same with variables of its own.</summary>
    public static async Task<DaemonProcess> StartAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var daemon = Launch(environment, ["--port", "0", "--grpc-port", "0", "--pool-size", "64MiB", .. arguments]);
        _ = daemon._process.WaitForExitAsync().ContinueWith(
            _ => daemon._listening.TrySetException(new InvalidOperationException($"The daemon ended: {daemon.Output}")),
            TaskScheduler.Default);
        await daemon._listening.Task;
        return daemon;
    }

    /// <summary>Runs the daemon to its end.</summary>
    public static Task<(int Code, string Output)> RunAsync(params string[] arguments) => RunAsync(new Dictionary<string, string>(), arguments);

    /// <summary>The same with variables of its own.</summary>
    public static async Task<(int Code, string Output)> RunAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        await using var daemon = Launch(environment, arguments);
        return (await daemon.ExitAsync(), daemon.Output);
    }

    /// <summary>A client for its address.</summary>
    public HttpClient CreateClient(string? key = null)
    {
        var client = new HttpClient { BaseAddress = Address };
        if (key is not null)
        {
            client.DefaultRequestHeaders.Add("Authorization", $"Bearer {key}");
        }

        return client;
    }

    /// <summary>What <c>/v1/status</c> says.</summary>
    public async Task<JsonElement> StatusAsync(HttpClient client) => JsonDocument.Parse(await client.GetStringAsync("/v1/status")).RootElement;

    /// <summary>Asks it to end, as a container's runtime does.</summary>
    public void Terminate() => Assert.Equal(0, Kill(_process.Id, 15));

    /// <summary>Tells it to open its usage ledger anew, as logrotate does.</summary>
    public void HangUp() => Assert.Equal(0, Kill(_process.Id, 1));

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private static DaemonProcess Launch(IReadOnlyDictionary<string, string> environment, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Serving.Server.dll"));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var daemon = new DaemonProcess(new Process { StartInfo = start });
        daemon._process.OutputDataReceived += (_, line) => daemon.Read(line.Data);
        daemon._process.ErrorDataReceived += (_, line) => daemon.Read(line.Data);
        daemon._process.Start();
        daemon._process.BeginOutputReadLine();
        daemon._process.BeginErrorReadLine();
        return daemon;
    }

    private void Read(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_output)
        {
            _output.AppendLine(line);
        }

        if (line.StartsWith("Address ", StringComparison.Ordinal))
        {
            Address = new Uri(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
        }
        else if (line.StartsWith("gRPC ", StringComparison.Ordinal))
        {
            GrpcAddress = new Uri("http://" + line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
            _listening.TrySetResult();
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
