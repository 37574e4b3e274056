using System.Collections.Concurrent;
using System.Text.Json;
using Serving.Server.Configuration;

namespace Serving.Server.Metering;

/// <summary>
/// Writes what requests used to a file, one line of JSON each, on a thread of its own. A request never waits for it: when the queue is full or the disk does not take a
/// line, the record is lost and counted, and the next one that is written says so. A line is handed to the operating system at once, so that it survives the end of the process,
/// and brought to the disk within about a second, so that it survives the machine's.
/// </summary>
internal sealed partial class UsageLedger : IDisposable
{
    /// <summary>Records waiting at most: some seconds of the fastest daemon, about 10 MiB.</summary>
    public const int Capacity = 16_384;

    private static readonly TimeSpan SyncInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Turn = TimeSpan.FromMilliseconds(250);

    /// <summary>How long the end of the daemon waits for a disk that takes nothing.</summary>
    private static readonly TimeSpan LastChance = TimeSpan.FromSeconds(5);

    private readonly BlockingCollection<UsageRecord> _records = new(Capacity);
    private readonly ILineFile? _file;
    private readonly Thread? _thread;
    private readonly ILogger<UsageLedger> _logger;
    private long _written;
    private long _lost;
    private long _unsaid;
    private volatile bool _reopen;
    private bool _isFailing;

    /// <summary>Opens the ledger, if one is configured.</summary>
    public UsageLedger(ServingOptions options, TimeProvider time, ILogger<UsageLedger> logger)
        : this(options.Usage.File is { } path ? new UsageFile(path, options.Usage.MaxSize, options.Usage.MaxFiles) : null, time, logger)
    {
    }

    /// <summary>Opens a ledger on any file; null is none.</summary>
    internal UsageLedger(ILineFile? file, TimeProvider time, ILogger<UsageLedger> logger)
    {
        Time = time;
        _logger = logger;
        _file = file;
        if (file is not null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "usage" };
            _thread.Start();
        }
    }

    /// <summary>Whether there is one.</summary>
    public bool IsOn => _file is not null;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Records written.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Records lost.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Records waiting.</summary>
    public int Waiting => _records.Count;

    /// <summary>Takes a record, or counts it as lost. Never waits.</summary>
    public void Add(UsageRecord record)
    {
        if (!IsOn)
        {
            return;
        }

        try
        {
            if (_records.TryAdd(record))
            {
                return;
            }
        }
        catch (InvalidOperationException)
        {
            // The daemon ends.
        }

        CountLost(1);
    }

    /// <summary>Lets go of the file soon, and opens what then has its name: something else has renamed it (SIGHUP).</summary>
    public void Reopen() => _reopen = true;

    /// <summary>Writes what waits, and ends.</summary>
    public void Dispose()
    {
        if (_thread is null || _records.IsAddingCompleted)
        {
            return;
        }

        _records.CompleteAdding();
        if (!_thread.Join(LastChance))
        {
            LogLeft(_logger, _records.Count);
        }
    }

    private void Run()
    {
        var synced = Time.GetTimestamp();
        while (!_records.IsCompleted)
        {
            var isTaken = _records.TryTake(out var record, Turn);
            if (_reopen)
            {
                _reopen = false;
                Try(_file!.Close);
            }

            if (isTaken)
            {
                Write(record!);
            }

            if (Time.GetElapsedTime(synced) >= SyncInterval)
            {
                synced = Time.GetTimestamp();
                Try(_file!.Sync);
            }
        }

        Try(_file!.Dispose);
    }

    private void Write(UsageRecord record)
    {
        var unsaid = Interlocked.Exchange(ref _unsaid, 0);
        if (Try(() => _file!.Append(LineOf(unsaid > 0 ? record with { LostBefore = unsaid } : record)), isWritten: true))
        {
            Interlocked.Increment(ref _written);
        }
        else
        {
            Interlocked.Add(ref _unsaid, unsaid);
            CountLost(1);
        }
    }

    private static byte[] LineOf(UsageRecord record) => [.. JsonSerializer.SerializeToUtf8Bytes(record, UsageJson.Default.UsageRecord), (byte)'\n'];

    private void CountLost(long count)
    {
        Interlocked.Add(ref _lost, count);
        Interlocked.Add(ref _unsaid, count);
    }

    // Said once when it begins and once when it is over, not for every record: over when a record is written, since a full disk lets files be closed and opened.
    private bool Try(Action action, bool isWritten = false)
    {
        try
        {
            action();
            if (_isFailing && isWritten)
            {
                _isFailing = false;
                LogWorks(_logger, Lost);
            }

            return true;
        }
        catch (Exception exception)
        {
            // Whatever it is: on a thread of its own it would end the process.
            if (!_isFailing)
            {
                _isFailing = true;
                LogFails(_logger, exception.Message);
            }

            return false;
        }
    }

    [LoggerMessage(EventId = 501, Level = LogLevel.Error, Message = "The usage ledger cannot be written; records are lost until it can: {Reason}")]
    private static partial void LogFails(ILogger logger, string reason);

    [LoggerMessage(EventId = 502, Level = LogLevel.Warning, Message = "The usage ledger can be written again; {Lost} records have been lost since the start.")]
    private static partial void LogWorks(ILogger logger, long lost);

    [LoggerMessage(EventId = 503, Level = LogLevel.Error, Message = "The usage ledger's disk takes nothing; {Records} records are left behind.")]
    private static partial void LogLeft(ILogger logger, int records);
}
