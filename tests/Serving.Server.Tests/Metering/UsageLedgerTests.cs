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

    [Fact]
    public void Add_DiskFullForAWhile_SaysHowManyWereLostBeforeTheNext()
    {
        var disk = new Disk { FailsFrom = 2, FailsUntil = 5 };
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

    // Takes nothing until it is free, and fails at the lines between two numbers.
    private sealed class Disk : ILineFile
    {
        private int _lines;

        public ManualResetEventSlim Waiting { get; } = new();

        public ManualResetEventSlim Free { get; } = new();

        public MemoryStream Content { get; } = new();

        public int FailsFrom { get; init; }

        public int FailsUntil { get; init; }

        public void Append(ReadOnlySpan<byte> line)
        {
            Waiting.Set();
            Free.Wait(TestContext.Current.CancellationToken);
            var number = _lines++;
            if (number >= FailsFrom && number < FailsUntil)
            {
                throw new IOException("No space left on device");
            }

            Content.Write(line);
        }

        public void Sync()
        {
        }

        public void Close()
        {
        }

        public void Dispose()
        {
        }
    }
}
