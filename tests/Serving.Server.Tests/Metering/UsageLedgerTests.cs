using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Server.Metering;

namespace Serving.Server.Tests.Metering;

public sealed class UsageLedgerTests
{
    [Fact]
    public void Add_DiskThatDoesNotAnswer_NeverWaitsAndCountsWhatIsLost()
    {
        var disk = new Disk();
        var ledger = New(disk);
        ledger.Add(Records.New("stuck"));
        disk.Waiting.Wait(TestContext.Current.CancellationToken);
        for (var i = 0; i < UsageLedger.Capacity + 100; i++)
        {
            ledger.Add(Records.New($"r{i}"));
        }

        Assert.Equal((100, UsageLedger.Capacity, 0), (ledger.Lost, ledger.Waiting, ledger.Written));
        disk.Free.Set();
        ledger.Dispose();

        // The hundred are said once, by the first record after them that is written.
        var (records, malformed) = Records.Read(disk.Content.ToArray());
        Assert.Equal((UsageLedger.Capacity + 1, 0L), (records.Count, malformed));
        Assert.Equal([100L], records.Select(record => record.LostBefore).OfType<long>());
        Assert.Equal((100, UsageLedger.Capacity + 1), (ledger.Lost, ledger.Written));
    }

    /// <summary>Whatever the file throws: on the ledger's own thread it would end the daemon.</summary>
    [Theory]
    [InlineData(typeof(IOException))]
    [InlineData(typeof(ObjectDisposedException))]
    [InlineData(typeof(OutOfMemoryException))]
    public void Add_DiskFullForAWhile_SaysHowManyWereLostBeforeTheNext(Type failure)
    {
        var disk = new Disk { FailsFrom = 2, FailsUntil = 5, Failure = failure };
        disk.Free.Set();
        var ledger = New(disk);
        for (var i = 0; i < 8; i++)
        {
            ledger.Add(Records.New($"r{i}"));
        }

        ledger.Dispose();

        Assert.Equal([("r0", null), ("r1", null), ("r5", 3L), ("r6", null), ("r7", null)], Records.Read(disk.Content.ToArray()).Records.Select(record => (record.Id, record.LostBefore)));
        Assert.Equal((3, 5), (ledger.Lost, ledger.Written));
    }

    [Fact]
    public void Add_DiskFullWhileTheFileCanBeSynced_SaysSoOnceAndThatItIsOverOnce()
    {
        var log = new Said();
        var time = new ManualTime();
        var disk = new Disk { FailsFrom = 1, FailsUntil = 4, OnAppend = () => time.Advance(TimeSpan.FromSeconds(2)) };
        disk.Free.Set();
        var ledger = new UsageLedger(disk, time, log);
        for (var i = 0; i < 6; i++)
        {
            ledger.Add(Records.New($"r{i}"));
        }

        ledger.Dispose();

        // After every line a second and more had gone by, and the file was brought to the disk.
        Assert.True(disk.Syncs >= 6);
        Assert.Equal([501, 502], log.Events);
    }

    [Fact]
    public void Add_AfterTheEnd_IsLostAndCounted()
    {
        var disk = new Disk();
        disk.Free.Set();
        var ledger = New(disk);
        ledger.Dispose();
        ledger.Dispose();
        ledger.Add(Records.New());
        Assert.Equal((1, 0), (ledger.Lost, ledger.Written));
    }

    [Fact]
    public void Add_NoLedger_IsNothing()
    {
        var ledger = New(null);
        ledger.Add(Records.New());
        ledger.Dispose();
        Assert.Equal((false, 0, 0), (ledger.IsOn, ledger.Lost, ledger.Written));
    }

    private static UsageLedger New(ILineFile? file) => new(file, TimeProvider.System, NullLogger<UsageLedger>.Instance);

    // A clock that goes on when it is told to.
    private sealed class ManualTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

        public override long GetTimestamp() => Interlocked.Read(ref _ticks);
    }

    private sealed class Said : ILogger<UsageLedger>
    {
        public List<int> Events { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Events.Add(eventId.Id);
    }

    // Takes nothing until it is free, and fails at the lines between two numbers.
    private sealed class Disk : ILineFile
    {
        private int _lines;

        public ManualResetEventSlim Waiting { get; } = new();

        public ManualResetEventSlim Free { get; } = new();

        public MemoryStream Content { get; } = new();

        public Action? OnAppend { get; init; }

        public int Syncs { get; private set; }

        public int FailsFrom { get; init; }

        public int FailsUntil { get; init; }

        public Type Failure { get; init; } = typeof(IOException);

        public void Append(ReadOnlySpan<byte> line)
        {
            Waiting.Set();
            Free.Wait(TestContext.Current.CancellationToken);
            OnAppend?.Invoke();
            var number = _lines++;
            if (number >= FailsFrom && number < FailsUntil)
            {
                throw (Exception)Activator.CreateInstance(Failure, "No space left on device")!;
            }

            Content.Write(line);
        }

        public void Sync() => Syncs++;

        public void Close()
        {
        }

        public void Dispose()
        {
        }
    }
}
