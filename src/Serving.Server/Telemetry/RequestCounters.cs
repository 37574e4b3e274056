using System.Collections.Concurrent;

namespace Serving.Server.Telemetry;

/// <summary>
/// Counts of what the edge saw. Labels come from the route table, HTTP methods that routes have, and status codes that the server sends, so their number is bounded.
/// A gRPC call counts as a request, always with status 200, and as a call.
/// </summary>
internal sealed class RequestCounters
{
    private readonly ConcurrentDictionary<(string Handler, string Method, int Status), Tally> _requests = new();
    private readonly ConcurrentDictionary<(string Service, string Method, string Code), Tally> _calls = new();
    private long _unknownFields;
    private long _stalledStreams;

    /// <summary>Fields of request bodies that nobody knows.</summary>
    public long UnknownFields => Interlocked.Read(ref _unknownFields);

    /// <summary>Streams that were cut off because their client took nothing more.</summary>
    public long StalledStreams => Interlocked.Read(ref _stalledStreams);

    /// <summary>Requests by route, method and status.</summary>
    public IEnumerable<(string Handler, string Method, int Status, long Count)> Requests =>
        _requests.Select(pair => (pair.Key.Handler, pair.Key.Method, pair.Key.Status, Interlocked.Read(ref pair.Value.Value)));

    /// <summary>gRPC calls by method and status code.</summary>
    public IEnumerable<(string Service, string Method, string Code, long Count)> Calls =>
        _calls.Select(pair => (pair.Key.Service, pair.Key.Method, pair.Key.Code, Interlocked.Read(ref pair.Value.Value)));

    /// <summary>Counts an answered request.</summary>
    public void CountRequest(string handler, string method, int status) =>
        Interlocked.Increment(ref _requests.GetOrAdd((handler, method, status), static _ => new Tally()).Value);

    /// <summary>Counts an ended gRPC call.</summary>
    public void CountCall(string service, string method, string code) =>
        Interlocked.Increment(ref _calls.GetOrAdd((service, method, code), static _ => new Tally()).Value);

    /// <summary>Counts ignored fields.</summary>
    public void CountUnknownFields(int count) => Interlocked.Add(ref _unknownFields, count);

    /// <summary>Counts a stream that was cut off.</summary>
    public void CountStalledStream() => Interlocked.Increment(ref _stalledStreams);

    private sealed class Tally
    {
        public long Value;
    }
}
