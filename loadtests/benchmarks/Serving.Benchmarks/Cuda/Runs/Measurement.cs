namespace Serving.Benchmarks.Cuda;

/// <summary>Work that gives one or more rows.</summary>
/// <param name="Keys">Keys of its rows, known before it runs so that what did not run has a name; <c>product.*</c> where which rows there are is the device's choice.</param>
/// <param name="Run">Does it; a row comes as soon as it is measured. A later row of the same key is a better one and takes the place of the first.</param>
internal sealed record Measurement(IReadOnlyList<string> Keys, Func<IEnumerable<BenchmarkRow>> Run);
