using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Deployment;

/// <summary>The systemd unit fits the daemon: its configuration, its times, its exit codes, and what it says on the notify socket.</summary>
public sealed partial class SystemdTests
{
    private static readonly string Folder = Repository.PathOf("deploy", "systemd");
    private static readonly UnitFile Unit = new("serving.service");

    [Fact]
    public async Task CheckConfig_FilesOfTheUnit_AreAccepted()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Folder, "*.json"))
        {
            File.Copy(file, folder.PathOf(Path.GetFileName(file)));
        }

        var command = Unit["ExecStart"].Split(' ');
        Assert.Equal(["/usr/bin/dotnet", "/usr/lib/serving/Serving.Server.dll", "--config", "/etc/serving/serving.json"], command);
        var (code, output) = await DaemonProcess.RunAsync("--config", folder.PathOf("serving.json"), "--check-config");
        Assert.True(code == 0, output);
    }

    [Fact]
    public void Times_OfTheUnit_FitTheConfiguration()
    {
        var settings = File.ReadAllText(Path.Combine(Folder, "serving.json"));

        Assert.True(int.Parse(Unit["TimeoutStopSec"], CultureInfo.InvariantCulture) > int.Parse(DrainTimeout().Match(settings).Groups[1].Value, CultureInfo.InvariantCulture) + 2);
        Assert.Equal("notify", Unit["Type"]);
        Assert.Equal("78", Unit["RestartPreventExitStatus"]);
        Assert.True(Unit.Bytes("MemoryHigh") < Unit.Bytes("MemoryMax"));
        var heap = long.Parse(Unit.Environment["DOTNET_GCHeapHardLimit"], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        Assert.True(heap + (512L << 20) + (300L << 20) < Unit.Bytes("MemoryHigh"));
        Assert.Contains("\"pool_size\": \"512MiB\"", settings, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Analyze_Unit_IsUnderstoodAndExposesLittle()
    {
        var analyze = Tool.RequireIfThere("systemd-analyze");
        Repository.RequiresHardware(File.Exists("/usr/bin/dotnet"), "no /usr/bin/dotnet: the unit's program is elsewhere here");

        var (code, output) = await Tool.RunAsync(analyze, Folder, "verify", "serving.service");
        Assert.True(code == 0 && output.Trim().Length == 0, output);
        (code, output) = await Tool.RunAsync(analyze, Folder, "security", "--offline=yes", "--no-pager", "--threshold=20", "serving.service");
        Assert.True(code == 0, output);
    }

    /// <summary>The daemon in systemd's hands from start to end, with a socket of the test's own in systemd's place.</summary>
    [Fact]
    public async Task Run_WithANotifySocket_SaysReadyThenThatItLivesThenThatItStops()
    {
        Repository.RequiresHardware(OperatingSystem.IsLinux(), "systemd is Linux'");
        using var folder = new TemporaryFolder();
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        systemd.Bind(new UnixDomainSocketEndPoint(folder.PathOf("notify")));
        var variables = new Dictionary<string, string> { ["NOTIFY_SOCKET"] = folder.PathOf("notify"), ["WATCHDOG_USEC"] = "200000" };

        // Heard from the first moment on, as systemd does: a socket keeps only ten messages.
        var starting = DaemonProcess.StartAsync(variables);
        var heard = new List<string>();
        await ListenAsync(systemd, heard, "READY=1");
        await using var daemon = await starting;
        heard.Clear();
        await ListenAsync(systemd, heard, "WATCHDOG=1");
        daemon.Terminate();
        await ListenAsync(systemd, heard, "STOPPING=1");

        Assert.Equal(0, await daemon.ExitAsync());
        Assert.DoesNotContain(heard, message => message.StartsWith("READY=1", StringComparison.Ordinal));
    }

    private static async Task ListenAsync(Socket systemd, List<string> heard, string until)
    {
        var buffer = new byte[1024];
        do
        {
            heard.Add(Encoding.UTF8.GetString(buffer, 0, await systemd.ReceiveAsync(buffer, TestContext.Current.CancellationToken)));
        }
        while (!heard[^1].StartsWith(until, StringComparison.Ordinal));
    }

    [GeneratedRegex("\"drain_timeout\": ([0-9]+)")]
    private static partial Regex DrainTimeout();
}
