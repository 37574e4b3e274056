using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Hosting;
using Serving.Server.Hosting;
using Serving.Server.Tests.Fakes;
using Serving.Testing;

namespace Serving.Server.Tests.Hosting;

/// <summary>What systemd hears, on a socket of the test's own in systemd's place.</summary>
public sealed class SystemdNotifierTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Socket _systemd = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
    private readonly EngineAccess _access = new();
    private readonly FakeEngine _engine = new();
    private readonly Lifetime _lifetime = new();

    public SystemdNotifierTests() => _systemd.Bind(new UnixDomainSocketEndPoint(_folder.PathOf("notify")));

    public void Dispose()
    {
        _systemd.Dispose();
        _lifetime.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Ready_AndStoppingTwice_AreSaidOnceEach()
    {
        using var notifier = Notifier();

        notifier.Ready(_engine.Description);
        notifier.Stopping();
        notifier.Stopping();

        Assert.Equal(["READY=1\nSTATUS=Serving base on fake", "STOPPING=1\nSTATUS=Letting requests finish"], Heard());
    }

    [Fact]
    public void Beat_WhileTheModelLoadsAndWhileTheEngineLives_IsHeard()
    {
        using var notifier = Notifier();
        notifier.Beat();
        _access.Open(_engine);
        notifier.Beat();

        Assert.Equal(["WATCHDOG=1", "WATCHDOG=1"], Heard());
    }

    [Fact]
    public void Beat_EngineHangs_IsNotHeard()
    {
        using var notifier = Notifier();
        _access.Open(_engine);
        _engine.IsAlive = false;

        notifier.Beat();

        Assert.Empty(Heard());
    }

    [Fact]
    public async Task Run_ProcessEndsByItself_SaysSo()
    {
        using var notifier = Notifier();
        await notifier.StartAsync(TestContext.Current.CancellationToken);

        _lifetime.StopApplication();
        await notifier.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["STOPPING=1\nSTATUS=Letting requests finish"], Heard());
    }

    [Fact]
    public void Send_NobodyReads_NeitherWaitsNorThrows()
    {
        using var notifier = Notifier();
        for (var i = 0; i < 10_000; i++)
        {
            notifier.Beat();
        }

        Assert.NotEmpty(Heard());
        _systemd.Dispose();
        notifier.Beat();
    }

    [Fact]
    public void Send_AbstractSocket_IsHeard()
    {
        Repository.RequiresHardware(OperatingSystem.IsLinux(), "abstract sockets are Linux'");
        var name = $"serving-{Guid.NewGuid():N}";
        using var listener = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        listener.Bind(new UnixDomainSocketEndPoint($"\0{name}"));

        SystemdSocket.FromEnvironment(Variables(("NOTIFY_SOCKET", $"@{name}")), 1).Send("READY=1");

        var buffer = new byte[64];
        Assert.Equal("READY=1", Encoding.UTF8.GetString(buffer, 0, listener.Receive(buffer)));
    }

    [Theory]
    [InlineData("30000000", null, 30)]
    [InlineData("30000000", "7", 30)]
    [InlineData("30000000", "8", null)]
    [InlineData("30000000", "x", null)]
    [InlineData("0", null, null)]
    [InlineData("-1", null, null)]
    [InlineData("99999999999999999999", null, null)]
    [InlineData("9223372036854775807", null, null)]
    [InlineData("1e6", null, null)]
    [InlineData(null, null, null)]
    public void FromEnvironment_Watchdog_IsReadAsLibsystemdDoes(string? interval, string? process, int? seconds)
    {
        var socket = SystemdSocket.FromEnvironment(Variables(("NOTIFY_SOCKET", "/x"), ("WATCHDOG_USEC", interval), ("WATCHDOG_PID", process)), 7);

        Assert.Equal(seconds, (int?)socket.WatchdogInterval?.TotalSeconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("relative")]
    [InlineData("vsock:2:1")]
    public void FromEnvironment_NoSocketOfOurKind_IsSilent(string? path)
    {
        var socket = SystemdSocket.FromEnvironment(Variables(("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "30000000")), 7);

        Assert.Null(socket.WatchdogInterval);
        socket.Send("READY=1");
    }

    [Fact]
    public void FromEnvironment_PathLongerThanAnAddress_IsSilent() =>
        SystemdSocket.FromEnvironment(Variables(("NOTIFY_SOCKET", "/" + new string('x', 500))), 7).Send("READY=1");

    private SystemdNotifier Notifier() =>
        new(SystemdSocket.FromEnvironment(Variables(("NOTIFY_SOCKET", _folder.PathOf("notify"))), 1), _access, _lifetime, TimeProvider.System);

    private static Dictionary<string, string> Variables(params (string Name, string? Value)[] pairs) =>
        pairs.Where(pair => pair.Value is not null).ToDictionary(pair => pair.Name, pair => pair.Value!);

    private List<string> Heard()
    {
        var messages = new List<string>();
        var buffer = new byte[1024];
        while (_systemd.Available > 0)
        {
            messages.Add(Encoding.UTF8.GetString(buffer, 0, _systemd.Receive(buffer)));
        }

        return messages;
    }

    private sealed class Lifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _stopping = new();

        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => _stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication() => _stopping.Cancel();

        public void Dispose() => _stopping.Dispose();
    }
}
